//! Bytes to values and back. Nothing here has a clock, a socket or a file.

pub mod control_frame;
pub mod cookie;
pub mod forwarded_for;
pub mod go_json;
pub mod http_body;
pub mod http_request;
pub mod http_response;
pub mod json_web_token;
pub mod origin;
pub mod peer_fault;
pub mod query_string;
pub mod request_head;
pub mod request_path;
pub mod ws_close;
pub mod ws_frame;
pub mod ws_handshake;
pub mod ws_mask;
pub mod ws_receiver;
pub mod ws_utf8;
