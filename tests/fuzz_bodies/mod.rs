//! What the fuzz targets do with their bytes; here, so that every crash found can be replayed
//! with the stable toolchain. Each body takes any bytes, and panics if something is wrong.

#[path = "../driver/mod.rs"]
mod driver;

pub(crate) mod configuration;
pub(crate) mod control_frame;
pub(crate) mod cookies;
pub(crate) mod drc;
pub(crate) mod dsock;
pub(crate) mod http_head;
pub(crate) mod json_web_token;
pub(crate) mod message_broker;
pub(crate) mod relay;
pub(crate) mod request_path;
pub(crate) mod ws_receiver;
