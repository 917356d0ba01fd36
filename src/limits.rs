//! Every bound of the relay on one page.
//!
//! A limit has a name, a key in the configuration, a counter ([`Limit`] is its index) and, where
//! a peer feels it, an HTTP status or a close code with a reason that names it. The macro below
//! makes all of them from one row, so that no limit can lack one of the four.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What a limit counts, and so how its value is written in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes: `4096`, `64KiB`, `1MiB`.
    Bytes,
    /// A plain number.
    Count,
    /// A time: `500ms`, `10s`, `2m`.
    Period,
}

/// What happens when a limit is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// An HTTP answer with this status; the connection is closed behind it.
    Answer(u16),
    /// A WebSocket close frame with this code (RFC 6455 section 7.4.1).
    Close(u16),
    /// The connection ends without a word: there is nobody who would understand one.
    Disconnect,
    /// The work goes on later; nothing is lost.
    Pause,
    /// The dialect's own error; the connection goes on.
    Refuse,
}

/// The value of a limit, in the unit of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// For [`Unit::Bytes`].
    Bytes(usize),
    /// For [`Unit::Count`].
    Count(usize),
    /// For [`Unit::Period`].
    Period(Duration),
}

/// One row of [`LIMITS`].
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which limit this is.
    pub limit: Limit,
    /// The key in the configuration, `section.name`.
    pub key: &'static str,
    /// The unit of the value.
    pub unit: Unit,
    /// The value when nothing is configured.
    pub default: Value,
    /// What happens when the limit is passed.
    pub consequence: Consequence,
    /// The reason given to the peer, the log and the statistics: the limit's name in words.
    pub reason: &'static str,
    /// What the limit bounds, for the default configuration file.
    pub description: &'static str,
}

macro_rules! unit_type {
    (Bytes) => {
        usize
    };
    (Count) => {
        usize
    };
    (Period) => {
        Duration
    };
}

macro_rules! limits {
    ($(
        $(#[doc = $description:literal])+
        $field:ident = $variant:ident($key:literal, $unit:ident, $default:expr, $consequence:expr, $reason:literal);
    )+) => {
        /// The name of a limit; as a number, the index of its counter and of its row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Limit {
            $($(#[doc = $description])+ $variant,)+
        }

        /// The values in force.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $description])+ pub $field: unit_type!($unit),)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Limits {
            /// The value of one limit.
            pub fn get(&self, limit: Limit) -> Value {
                match limit {
                    $(Limit::$variant => Value::$unit(self.$field),)+
                }
            }

            /// Sets one limit. False if the value is of another unit than the limit's row says.
            pub fn set(&mut self, limit: Limit, value: Value) -> bool {
                match (limit, value) {
                    $((Limit::$variant, Value::$unit(value)) => self.$field = value,)+
                    _ => return false,
                }
                true
            }
        }

        /// One row per limit, in the order of [`Limit`].
        pub const LIMITS: &[Row] = &[
            $(Row {
                limit: Limit::$variant,
                key: $key,
                unit: Unit::$unit,
                default: Value::$unit($default),
                consequence: $consequence,
                reason: $reason,
                description: concat!($($description, "\n",)+),
            },)+
        ];
    };
}

use Consequence::{Answer, Close, Disconnect, Pause, Refuse};

limits! {
    /// Bytes of a request head, from the request line to the blank line.
    head = Head("limits.head", Bytes, 8 * KIB, Answer(431), "request head limit");
    /// Header fields in a request; at most 64, which is also the parser's room.
    headers = Headers("limits.headers", Count, 64, Answer(431), "request headers limit");
    /// Time from accept until a request head is complete, and from the beginning of a later one.
    handshake_time = HandshakeTime("limits.handshake_time", Period, Duration::from_secs(5), Disconnect, "handshake time limit");
    /// Time between two requests on one connection.
    keep_alive = KeepAlive("limits.keep_alive", Period, Duration::from_secs(75), Disconnect, "keep-alive time limit");
    /// Time from the upgrade until the client has proved who it is, where it must.
    authentication_time = AuthenticationTime("limits.authentication_time", Period, Duration::from_secs(5), Close(1008), "authentication time limit");
    /// Bytes of an HTTP request body.
    http_body = HttpBody("limits.http_body", Bytes, MIB, Answer(413), "request body limit");
    /// Bytes of a WebSocket message, where the dialect has no limit of its own.
    message = Message("limits.message", Bytes, MIB, Close(1009), "message limit");
    /// Bytes of a message sent to a topic.
    topics_message = TopicsMessage("topics.message", Bytes, 10 * MIB, Close(1009), "topic message limit");
    /// Fragments of one message, empty ones too.
    fragments = Fragments("limits.fragments", Count, 1024, Close(1008), "fragments limit");
    /// Time from a message's first byte to its last.
    message_time = MessageTime("limits.message_time", Period, Duration::from_secs(30), Close(1008), "message time limit");
    /// Control frames (ping, pong) a connection may send a second.
    control_frames = ControlFrames("limits.control_frames", Count, 10, Close(1008), "control frames limit");
    /// Control frames a connection may send at once.
    control_frames_burst = ControlFramesBurst("limits.control_frames_burst", Count, 20, Close(1008), "control frames burst limit");
    /// Messages a connection may send a second; 0 is no limit.
    messages = Messages("limits.messages", Count, 0, Pause, "messages limit");
    /// A connection silent for this long (give or take a fifth) is pinged.
    ping_after = PingAfter("limits.ping_after", Period, Duration::from_secs(25), Pause, "ping interval");
    /// A pinged connection silent for this long is closed.
    pong_wait = PongWait("limits.pong_wait", Period, Duration::from_secs(10), Close(1001), "pong time limit");
    /// As limits.ping_after, for clients of topics.
    topics_ping_after = TopicsPingAfter("topics.ping_after", Period, Duration::from_secs(54), Pause, "topic ping interval");
    /// As limits.pong_wait, for clients of topics.
    topics_pong_wait = TopicsPongWait("topics.pong_wait", Period, Duration::from_secs(60), Close(1001), "topic pong time limit");
    /// Time that the kernel waits for sent bytes to be acknowledged (TCP_USER_TIMEOUT).
    tcp_user_timeout = TcpUserTimeout("limits.tcp_user_timeout", Period, Duration::from_secs(30), Disconnect, "TCP user timeout");
    /// Time that a client has to answer a close frame.
    close_time = CloseTime("limits.close_time", Period, Duration::from_secs(5), Disconnect, "close time limit");
    /// Time that a connection closed towards the client has to end, so that the last bytes arrive.
    linger_time = LingerTime("limits.linger_time", Period, Duration::from_secs(2), Disconnect, "linger time limit");
    /// Bytes waiting for one client; past it the topic's policy applies at once.
    output = Output("limits.output", Bytes, MIB, Close(1008), "output limit");
    /// Bytes waiting for one client that are borne for limits.output_soft_time only.
    output_soft = OutputSoft("limits.output_soft", Bytes, 256 * KIB, Pause, "soft output limit");
    /// How long limits.output_soft may be passed.
    output_soft_time = OutputSoftTime("limits.output_soft_time", Period, Duration::from_secs(10), Close(1008), "soft output time limit");
    /// Bytes of a message that is compressed for the clients that take it compressed; longer ones go
    /// out as they are, since nothing else is done meanwhile. 0: none is compressed.
    compression = Compression("limits.compression", Bytes, 256 * KIB, Pause, "compression limit");
    /// Bytes of all buffers together; the largest consumer is closed first. 0: a quarter of the
    /// memory of the control group or the machine.
    memory = Memory("limits.memory", Bytes, 0, Close(1008), "memory limit");
    /// Connections at the same time. 0: the descriptor limit less 32 reserved and 1 spare.
    connections = Connections("limits.connections", Count, 0, Answer(503), "connections limit");
    /// Connections of one address (IPv6: of one /64). Trusted proxies are not counted, but the
    /// clients that they name are.
    connections_per_address = ConnectionsPerAddress("limits.connections_per_address", Count, 256, Answer(429), "connections per address limit");
    /// Handshakes of one address a second.
    handshakes_per_address = HandshakesPerAddress("limits.handshakes_per_address", Count, 20, Answer(429), "handshakes per address limit");
    /// Handshakes of one address at once.
    handshakes_per_address_burst = HandshakesPerAddressBurst("limits.handshakes_per_address_burst", Count, 50, Answer(429), "handshakes per address burst limit");
    /// Failed authentications of one address within a minute; past it the address is refused
    /// for a minute.
    failed_logins = FailedLogins("limits.failed_logins", Count, 10, Answer(429), "failed logins limit");
    /// Bytes of a channel's or topic's name.
    channel_name = ChannelName("limits.channel_name", Bytes, 256, Answer(414), "channel name limit");
    /// Bytes of a frame sent to the control port; at most 9,999,999, since a length has 7 digits.
    control_frame = ControlFrame("control.frame", Bytes, MIB, Disconnect, "control frame limit");
    /// Connections to the control port, which are not counted in limits.connections.
    control_connections = ControlConnections("control.connections", Count, 16, Disconnect, "control connections limit");
    /// Bytes waiting for one client of the control port; past it the client is cut off.
    control_output = ControlOutput("control.output", Bytes, 64 * MIB, Disconnect, "control output limit");
    /// Bytes waiting for one client of the control port that are borne for
    /// control.output_soft_time only.
    control_output_soft = ControlOutputSoft("control.output_soft", Bytes, 16 * MIB, Pause, "soft control output limit");
    /// How long control.output_soft may be passed.
    control_output_soft_time = ControlOutputSoftTime("control.output_soft_time", Period, Duration::from_secs(60), Disconnect, "soft control output time limit");
    /// A client of the control port silent for this long is pinged.
    control_idle = ControlIdle("control.idle", Period, Duration::from_secs(15), Pause, "control ping interval");
    /// A client of the control port that is pinged and silent for this long is cut off.
    control_pong_wait = ControlPongWait("control.pong_wait", Period, Duration::from_secs(15), Disconnect, "control pong time limit");
    /// Claims of dSock that wait to be redeemed.
    dsock_claims = DsockClaims("dsock.claims", Count, 1_000_000, Answer(503), "claims limit");
    /// Bytes of all claims of dSock together.
    dsock_claims_memory = DsockClaimsMemory("dsock.claims_memory", Bytes, 256 * MIB, Answer(503), "claims memory limit");
    /// Bytes of an answer of dSock's /info; 70,000 connections of usual names.
    dsock_info = DsockInfo("dsock.info", Bytes, 16 * MIB, Answer(400), "info answer limit");
    /// Channels of a claim or connection of dSock, the default ones not counted, and of a call.
    dsock_channels = DsockChannels("dsock.channels", Count, 128, Answer(400), "channels limit");
    /// Bytes of a claim's id, a user or a session of dSock.
    dsock_name = DsockName("dsock.name", Bytes, 256, Answer(400), "name limit");
    /// Connections of one user of dSock.
    dsock_connections_per_user = DsockConnectionsPerUser("dsock.connections_per_user", Count, 16, Answer(429), "dSock connections per user limit");
    /// As limits.ping_after, for clients of dSock.
    dsock_ping_after = DsockPingAfter("dsock.ping_after", Period, Duration::from_secs(30), Pause, "dSock ping interval");
    /// As limits.pong_wait, for clients of dSock.
    dsock_pong_wait = DsockPongWait("dsock.pong_wait", Period, Duration::from_secs(30), Close(1001), "dSock pong time limit");
    /// Bytes of a message from a client of ws(s)on.
    wson_message = WsonMessage("wson.message", Bytes, 16 * KIB, Close(1009), "buffer overflow");
    /// How long the cookies of ws(s)on are good for, from the time that they name; a connection
    /// that they opened is closed then.
    wson_lifetime = WsonLifetime("wson.lifetime", Period, Duration::from_secs(86_400), Close(1000), "expired");
    /// Connections of one user of ws(s)on.
    wson_connections_per_user = WsonConnectionsPerUser("wson.connections_per_user", Count, 5, Answer(429), "connections per user limit");
    /// As limits.ping_after, for clients of ws(s)on.
    wson_ping_after = WsonPingAfter("wson.ping_after", Period, Duration::from_secs(15), Pause, "ws(s)on ping interval");
    /// As limits.pong_wait, for clients of ws(s)on.
    wson_pong_wait = WsonPongWait("wson.pong_wait", Period, Duration::from_secs(15), Close(1001), "ws(s)on pong time limit");
    /// Bytes of a message from a client of DRC.
    drc_message = DrcMessage("drc.message", Bytes, 10_000_000, Close(1009), "DRC message limit");
    /// Bytes of a frame from a client of DRC.
    drc_frame = DrcFrame("drc.frame", Bytes, 2_000_000, Close(1009), "DRC frame limit");
    /// Requests that a client of DRC may make a second unless it is an authority; 0 is no limit.
    drc_requests = DrcRequests("drc.requests", Count, 1_000, Pause, "DRC requests limit");
    /// The time after which a silent client of DRC is pinged.
    drc_ping_after = DrcPingAfter("drc.ping_after", Period, Duration::from_secs(30), Pause, "DRC ping interval");
    /// As limits.pong_wait, for clients of DRC.
    drc_pong_wait = DrcPongWait("drc.pong_wait", Period, Duration::from_secs(30), Close(1001), "DRC pong time limit");
    /// Channels that a client of DRC may be in without being an authority there.
    drc_channels_per_connection = DrcChannelsPerConnection("drc.channels_per_connection", Count, 256, Refuse, "DRC channels per connection limit");
    /// Channels of DRC at the same time.
    drc_channels = DrcChannels("drc.channels", Count, 100_000, Refuse, "DRC channels limit");
    /// Grants of DRC that nobody has used yet.
    drc_grants = DrcGrants("drc.grants", Count, 100_000, Refuse, "DRC grants limit");
    /// How long a grant of DRC is good for, and how long it is good again after its bearer has
    /// left.
    drc_grant_time = DrcGrantTime("drc.grant_time", Period, Duration::from_secs(30), Refuse, "DRC grant time limit");
    /// Bytes of the extra information of a client in a channel of DRC.
    drc_extra = DrcExtra("drc.extra", Bytes, 64 * KIB, Refuse, "DRC extra information limit");
    /// Bytes of all grants and all extra information of DRC together.
    drc_memory = DrcMemory("drc.memory", Bytes, 64 * MIB, Refuse, "DRC memory limit");
    /// Passwords of the message broker that wait to be verified; past it clients are rejected.
    password_checks = PasswordChecks("message_broker.password_checks", Count, 64, Refuse, "password checks limit");
    /// Bytes of the value of "confirm" in a message to the message broker.
    confirmation = Confirmation("message_broker.confirmation", Bytes, KIB, Refuse, "confirmation limit");
    /// Bytes of the "id" that a sender gives a message to the message broker.
    sender_id = SenderId("message_broker.sender_id", Bytes, 256, Refuse, "sender's id limit");
    /// Messages that a receiver of the message broker holds without having acknowledged them;
    /// others wait, or go to another receiver.
    unacknowledged = Unacknowledged("message_broker.unacknowledged", Count, 256, Pause, "unacknowledged messages limit");
    /// How long a receiver of the message broker has to acknowledge a message before that goes to
    /// the next one.
    ack_timeout = AckTimeout("message_broker.ack_timeout", Period, Duration::from_secs(30), Pause, "acknowledgement time limit");
    /// Messages that are kept.
    store_messages = StoreMessages("store.messages", Count, 1_000_000, Refuse, "kept messages limit");
    /// Bytes of all messages that are kept.
    store_bytes = StoreBytes("store.bytes", Bytes, 1024 * MIB, Refuse, "kept bytes limit");
    /// Messages that are kept for one channel.
    store_channel_messages = StoreChannelMessages("store.channel_messages", Count, 100_000, Refuse, "kept messages of a channel limit");
    /// How long a message is kept at most; 0 is for ever.
    store_age = StoreAge("store.age", Period, Duration::ZERO, Refuse, "kept message age limit");
    /// Elements of one message that is to be kept; and ids in one acknowledgement.
    store_elements = StoreElements("store.elements", Count, 10_000, Refuse, "elements of a message limit");
    /// Bytes of messages that wait in memory for an acknowledgement, where nothing is kept on a disk.
    store_memory = StoreMemory("store.memory", Bytes, 64 * MIB, Refuse, "store in memory limit");
    /// Ids that senders gave to their messages, and that are remembered.
    store_sender_ids = StoreSenderIds("store.sender_ids", Count, 1_000_000, Refuse, "remembered senders' ids limit");
    /// How long the id of a message is remembered: for so long a message is taken once.
    store_sender_id_age = StoreSenderIdAge("store.sender_id_age", Period, Duration::from_secs(86_400), Refuse, "sender's id age limit");
    /// What waits to be done by the store.
    store_tasks = StoreTasks("store.tasks", Count, 10_000, Refuse, "store tasks limit");
    /// Bytes of messages that wait to be written to the store.
    store_queue = StoreQueue("store.queue", Bytes, 16 * MIB, Refuse, "store queue limit");
    /// Connections accepted in one turn of the loop.
    accepts_per_turn = AcceptsPerTurn("limits.accepts_per_turn", Count, 128, Pause, "accepts per turn");
    /// Bytes read from one connection, and bytes inflated for it, in one turn of the loop.
    read_per_turn = ReadPerTurn("limits.read_per_turn", Bytes, 64 * KIB, Pause, "bytes read per turn");
    /// Frames taken from one connection in one turn of the loop.
    frames_per_turn = FramesPerTurn("limits.frames_per_turn", Count, 64, Pause, "frames per turn");
    /// Times that waiting input is read before the output of a turn is written.
    gather = Gather("limits.gather", Count, 16, Pause, "gather rounds per turn");
    /// Time that closing all connections is spread over when the server stops.
    drain = Drain("limits.drain", Period, Duration::from_secs(30), Close(1001), "server stops");
}

/// The longest frame of the control port that seven digits can announce, in bytes.
pub const LONGEST_CONTROL_FRAME: usize = 9_999_999;

/// Descriptors that are never given to clients: listeners, log, store, control, the loop's own.
pub const RESERVED_DESCRIPTORS: usize = 32;

/// Descriptors held only to be given up at the limit (see `reactor::listener`).
pub const SPARE_DESCRIPTORS: usize = 1;

impl Limit {
    /// The number of limits.
    pub const COUNT: usize = LIMITS.len();

    /// The row of this limit.
    pub fn row(self) -> &'static Row {
        &LIMITS[self as usize]
    }

    /// The reason that peers, log and statistics are given.
    pub fn reason(self) -> &'static str {
        self.row().reason
    }

    /// The close code for a WebSocket peer; 1008 where the row has none of its own.
    pub fn close_code(self) -> u16 {
        match self.row().consequence {
            Close(code) => code,
            Answer(_) | Disconnect | Pause | Refuse => 1008,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_limit_has_a_name_a_key_a_counter_and_a_reason() {
        let mut keys = HashSet::new();
        let mut reasons = HashSet::new();
        for (index, row) in LIMITS.iter().enumerate() {
            assert_eq!(row.limit as usize, index, "{}", row.key);
            assert!(
                row.key
                    .split_once('.')
                    .is_some_and(|(s, k)| !s.is_empty() && !k.is_empty())
            );
            assert!(keys.insert(row.key), "two limits share {}", row.key);
            assert!(
                !row.reason.is_empty() && row.reason.len() <= 123,
                "{}",
                row.key
            );
            assert!(
                reasons.insert(row.reason),
                "two limits share {:?}",
                row.reason
            );
            assert_eq!(Limits::default().get(row.limit), row.default, "{}", row.key);
            assert!(Limits::default().set(row.limit, row.default), "{}", row.key);
        }
    }
}
