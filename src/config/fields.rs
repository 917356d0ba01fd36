//! The keys that are no limits, with their way into the configuration and out of it.

use super::StoreKind;
use super::database::parse_prefix;
use super::drc::{self, read_tokens, read_whitelist};
use super::form::{Form, Names};
use super::keep::{read_keep, read_keep_prefixes, show_keep, show_keep_prefixes};
use super::keys::{Access, Key};
use super::listen::{self, Listen, Service};
use super::nearest::{nearest, suggestion};
use super::node::{Fault, Faults, Node, quoted};
use super::toml;
use super::web::{
    format_network, origin_text, parse_network, parse_origin, parse_origin_or_loopback,
    parse_whole_origin_or_loopback,
};
use crate::dialects::dsock::settings::{ApiVersion, channel_names};
use crate::dialects::message_broker::settings::Order;
use crate::dialects::topics::settings::{PrefixPolicy, StatisticsAccess};
use crate::dialects::wson::settings::{DigestKind, OnMessage};
use crate::logging::Format;
use crate::relay::output_policy::OutputPolicy;
use crate::secret::Secret;
use log::LevelFilter;
use std::time::Duration;

const STATISTICS: [(&str, StatisticsAccess); 3] = [
    ("loopback", StatisticsAccess::Loopback),
    ("open", StatisticsAccess::Open),
    ("off", StatisticsAccess::Off),
];
const STATISTICS_NAMES: &[&str] = &names(&STATISTICS);

const POLICIES: [(&str, OutputPolicy); 4] = [
    ("close", OutputPolicy::Close),
    ("drop-new", OutputPolicy::DropNew),
    ("drop-old", OutputPolicy::DropOld),
    ("latest", OutputPolicy::Latest),
];
const POLICY_NAMES: &[&str] = &names(&POLICIES);

const API_VERSIONS: [(&str, ApiVersion); 2] =
    [("0.4", ApiVersion::V0_4), ("0.2", ApiVersion::V0_2)];
const API_VERSION_NAMES: &[&str] = &names(&API_VERSIONS);

const DIGESTS: [(&str, DigestKind); 2] = [
    ("md5", DigestKind::Md5),
    ("hmac-sha256", DigestKind::HmacSha256),
];
const DIGEST_NAMES: &[&str] = &names(&DIGESTS);

const ON_MESSAGE: [(&str, OnMessage); 3] = [
    ("ignore", OnMessage::Ignore),
    ("echo", OnMessage::Echo),
    ("broadcast", OnMessage::Broadcast),
];
const ON_MESSAGE_NAMES: &[&str] = &names(&ON_MESSAGE);

const ORDERS: [(&str, Order); 2] = [
    ("longest-connected", Order::LongestConnected),
    ("round-robin", Order::RoundRobin),
];
const ORDER_NAMES: &[&str] = &names(&ORDERS);

const STORES: [(&str, StoreKind); 2] = [("sqlite", StoreKind::Sqlite), ("mysql", StoreKind::Mysql)];
const STORE_NAMES: &[&str] = &names(&STORES);

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::Off),
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
    ("trace", LevelFilter::Trace),
];
const LEVEL_NAMES: &[&str] = &names(&LEVELS);

const FORMATS: [(&str, Format); 3] = [
    ("auto", Format::Auto),
    ("text", Format::Text),
    ("json", Format::Json),
];
const FORMAT_NAMES: &[&str] = &names(&FORMATS);

/// The longest delay between frames in milliseconds: a minute.
const LONGEST_DELAY: usize = 60_000;

/// The keys that are no limits.
pub(super) const FIELDS: &[Key] = &[
    Key {
        name: "listen",
        form: Form::Listeners,
        description: "Where the server listens and what it serves there; as many as you like.",
        access: Access::Field {
            set: |config, node| {
                config.listen = listen::read(node)?;
                Ok(())
            },
            show: |config| {
                let listeners: Vec<_> = config.listen.iter().map(show_listener).collect();
                format!("[{}]", listeners.join(", "))
            },
        },
    },
    Key {
        name: "control.listen",
        form: Form::List,
        description: "Where the control port listens: unix:// with an absolute path, tcp:// with \
                      an IP address and a port, or systemd: with the name of a socket that systemd \
                      opened. \"default\" is unix://$XDG_RUNTIME_DIR/fantail/control.sock; without \
                      that variable /run/fantail/control.sock for root, else fantail.sock in the \
                      working directory. An empty list switches it off.",
        access: Access::Field {
            set: |config, node| config.control.read_listen(node),
            show: |config| {
                let addresses = config.control.written_listen();
                toml::list(addresses.iter().map(String::as_str))
            },
        },
    },
    Key {
        name: "control.secret",
        form: Form::Secret,
        description: "What clients of the control port must send first on TCP, which needs one. \
                      A Unix socket needs none: nobody but its owner can connect. \
                      control.secret_file names a file that holds it.",
        access: Access::Secret {
            set: |config, secret| config.control.secret = secret,
            is_set: |config| !config.control.secret.is_empty(),
        },
    },
    Key {
        name: "control.exposed",
        form: Form::Boolean,
        description: "Whether the control port may listen on TCP addresses that other machines \
                      can reach. The secret goes over the network as it is.",
        access: Access::Field {
            set: |config, node| {
                config.control.exposed = node.as_boolean()?;
                Ok(())
            },
            show: |config| config.control.exposed.to_string(),
        },
    },
    Key {
        name: "http.trusted_proxies",
        form: Form::List,
        description: "Addresses and networks of proxies whose X-Forwarded-For is believed. They \
                      are not counted against the limits of an address; the clients that they \
                      name are.",
        access: Access::Field {
            set: |config, node| {
                config.http.trusted_proxies = node.as_list("networks", parse_network)?;
                Ok(())
            },
            show: |config| {
                let networks: Vec<_> = config
                    .http
                    .trusted_proxies
                    .iter()
                    .map(format_network)
                    .collect();
                toml::list(networks.iter().map(String::as_str))
            },
        },
    },
    Key {
        name: "topics.secret",
        form: Form::Secret,
        description: "The secret of the tokens (HMAC) that clients must send first. Empty: no \
                      tokens, everybody may send and receive. topics.secret_file names a file that \
                      holds it.",
        access: Access::Secret {
            set: |config, secret| config.topics.secret = secret,
            is_set: |config| !config.topics.secret.is_empty(),
        },
    },
    Key {
        name: "topics.audience",
        form: Form::Text,
        description: "What precedes the topic in a token's \"aud\", such as https://ws.example.com.",
        access: Access::Field {
            set: |config, node| {
                config.topics.audience = node.as_text("an audience")?.to_owned();
                Ok(())
            },
            show: |config| toml::text(&config.topics.audience),
        },
    },
    Key {
        name: "topics.stats",
        form: Form::Choice(STATISTICS_NAMES),
        description: "Who may see the statistics (/stats and /ws): \"loopback\", clients on this \
                      machine; \"open\", anybody; \"off\", nobody.",
        access: Access::Field {
            set: |config, node| {
                config.topics.statistics = read_choice(node, &STATISTICS)?;
                Ok(())
            },
            show: |config| show_choice(config.topics.statistics, &STATISTICS),
        },
    },
    Key {
        name: "topics.origins",
        form: Form::List,
        description: "Origins whose pages may connect, such as https://www.example.com; \"*\" is \
                      any. A client that sends no Origin is no browser and may always connect.",
        access: Access::Field {
            set: |config, node| {
                config.topics.origins = node.as_list("origins", parse_origin)?;
                Ok(())
            },
            show: |config| toml::list(config.topics.origins.iter().map(String::as_str)),
        },
    },
    Key {
        name: "topics.policy",
        form: Form::Choice(POLICY_NAMES),
        description: "What happens to a client that reads too slowly: \"close\" closes it with \
                      1008; \"drop-new\" drops new messages until there is room; \"drop-old\" \
                      drops the oldest waiting ones; \"latest\" keeps only the newest.",
        access: Access::Field {
            set: |config, node| {
                config.topics.policy = read_choice(node, &POLICIES)?;
                Ok(())
            },
            show: |config| show_choice(config.topics.policy, &POLICIES),
        },
    },
    Key {
        name: "topics.policies",
        form: Form::Table,
        description: "Other policies for topics that begin with a prefix; the longest that fits \
                      counts. What you give replaces the whole table.",
        access: Access::Field {
            set: |config, node| {
                config.topics.policies = read_policies(node)?;
                Ok(())
            },
            show: |config| {
                let rows = &config.topics.policies;
                toml::table(
                    rows.iter()
                        .map(|row| (row.prefix.as_str(), row.policy.name())),
                )
            },
        },
    },
    Key {
        name: "topics.compression",
        form: Form::Boolean,
        description: "Whether messages are compressed for the clients that offer it \
                      (permessage-deflate), as browsers do. It is no use for pictures and video.",
        access: Access::Field {
            set: |config, node| {
                config.topics.compression = node.as_boolean()?;
                Ok(())
            },
            show: |config| config.topics.compression.to_string(),
        },
    },
    Key {
        name: "topics.keep",
        form: Form::CountOrPeriod,
        description: "How much of each topic is kept, in the store, for clients that ask for it: a \
                      number of messages such as 100, or a time such as \"1h\"; 0 is nothing.",
        access: Access::Field {
            set: |config, node| {
                config.topics.keep = read_keep(node)?;
                Ok(())
            },
            show: |config| show_keep(config.topics.keep),
        },
    },
    Key {
        name: "topics.keep_prefixes",
        form: Form::Table,
        description: "The same for topics that begin with a prefix; the longest that fits counts. \
                      What is sent to /in/X is kept as /out/X. What you give replaces the whole \
                      table.",
        access: Access::Field {
            set: |config, node| {
                config.topics.keep_prefixes = read_keep_prefixes(node)?;
                Ok(())
            },
            show: |config| show_keep_prefixes(&config.topics.keep_prefixes),
        },
    },
    Key {
        name: "drc.whitelist",
        form: Form::Protocols(Names::Networks),
        description: "Addresses and networks whose clients are authorities: true, for every \
                      protocol, or a list of protocols. What you give replaces the whole table.",
        access: Access::Field {
            set: |config, node| {
                config.drc.whitelist = read_whitelist(node)?;
                Ok(())
            },
            show: |config| drc::show_whitelist(&config.drc.whitelist),
        },
    },
    Key {
        name: "drc.tokens",
        form: Form::Protocols(Names::Secrets),
        description: "Tokens whose bearers are authorities: true, for every protocol, or a list of \
                      protocols. Whoever knows a token has its rights. drc.tokens_file names a \
                      file that holds the table.",
        access: Access::SecretTable {
            set: |config, node| {
                config.drc.tokens = read_tokens(node)?;
                Ok(())
            },
            is_set: |config| !config.drc.tokens.is_empty(),
        },
    },
    Key {
        name: "drc.origins",
        form: Form::List,
        description: "Origins whose pages may connect, such as https://www.example.com; \
                      \"loopback\" is those of this machine on any port, \"*\" is any. A client \
                      that sends no Origin may not connect.",
        access: Access::Field {
            set: |config, node| {
                config.drc.origins = node.as_list("origins", parse_whole_origin_or_loopback)?;
                Ok(())
            },
            show: |config| toml::list(config.drc.origins.iter().map(origin_text)),
        },
    },
    Key {
        name: "dsock.token",
        form: Form::Secret,
        description: "What the HTTP API of dSock is called with. Empty: the API is off. \
                      dsock.token_file names a file that holds it.",
        access: Access::Secret {
            set: |config, secret| config.dsock.token = secret,
            is_set: |config| !config.dsock.token.is_empty(),
        },
    },
    Key {
        name: "dsock.jwt_secret",
        form: Form::Secret,
        description: "The secret of the JWTs (HS256, HS384 or HS512) that clients of dSock may \
                      connect with. Empty: they need a claim. dsock.jwt_secret_file names a file \
                      that holds it.",
        access: Access::Secret {
            set: |config, secret| config.dsock.jwt_secret = secret,
            is_set: |config| !config.dsock.jwt_secret.is_empty(),
        },
    },
    Key {
        name: "dsock.default_channels",
        form: Form::List,
        description: "Channels that every connection of dSock is in.",
        access: Access::Field {
            set: |config, node| {
                let read = node.as_list("channels", |name| Ok(name.to_owned()))?;
                config.dsock.default_channels = channel_names(read.iter().map(String::as_str));
                Ok(())
            },
            show: |config| toml::list(config.dsock.default_channels.iter().map(String::as_str)),
        },
    },
    Key {
        name: "dsock.api_version",
        form: Form::Choice(API_VERSION_NAMES),
        description: "Which version of dSock's API is spoken: in \"0.2\" a missing target is \
                      MISSING_CONNECTION_OR_USER, in \"0.4\" it is MISSING_TARGET.",
        access: Access::Field {
            set: |config, node| {
                config.dsock.api_version = read_choice(node, &API_VERSIONS)?;
                Ok(())
            },
            show: |config| show_choice(config.dsock.api_version, &API_VERSIONS),
        },
    },
    Key {
        name: "dsock.compression",
        form: Form::Boolean,
        description: "Whether messages are compressed for the clients that offer it \
                      (permessage-deflate), as browsers do.",
        access: Access::Field {
            set: |config, node| {
                config.dsock.compression = node.as_boolean()?;
                Ok(())
            },
            show: |config| config.dsock.compression.to_string(),
        },
    },
    Key {
        name: "wson.secret",
        form: Form::Secret,
        description: "The secret with which the cookies of ws(s)on are signed. Empty: made at \
                      random at each start. wson.secret_file names a file that holds it.",
        access: Access::Secret {
            set: |config, secret| config.wson.secret = secret,
            is_set: |config| !config.wson.secret.is_empty(),
        },
    },
    Key {
        name: "wson.origins",
        form: Form::List,
        description: "Origins whose pages may connect, such as https://www.example.com; \
                      \"loopback\" is those of this machine on any port, \"*\" is any, and no Origin \
                      too.",
        access: Access::Field {
            set: |config, node| {
                config.wson.origins = node.as_list("origins", parse_origin_or_loopback)?;
                Ok(())
            },
            show: |config| toml::list(config.wson.origins.iter().map(origin_text)),
        },
    },
    Key {
        name: "wson.digest",
        form: Form::Choice(DIGEST_NAMES),
        description: "How the cookies are signed: \"md5\", as the original does; \"hmac-sha256\", \
                      which is better where you need not be compatible.",
        access: Access::Field {
            set: |config, node| {
                config.wson.digest = read_choice(node, &DIGESTS)?;
                Ok(())
            },
            show: |config| show_choice(config.wson.digest, &DIGESTS),
        },
    },
    Key {
        name: "wson.on_message",
        form: Form::Choice(ON_MESSAGE_NAMES),
        description: "What happens to a message from a client, beside the events of the control \
                      port: \"ignore\", nothing; \"echo\", it goes back; \"broadcast\", it goes to \
                      all clients.",
        access: Access::Field {
            set: |config, node| {
                config.wson.on_message = read_choice(node, &ON_MESSAGE)?;
                Ok(())
            },
            show: |config| show_choice(config.wson.on_message, &ON_MESSAGE),
        },
    },
    Key {
        name: "message_broker.users_file",
        form: Form::Path,
        description: "A file with the users and their passwords, as htpasswd and \"fantail passwd\" \
                      make it: {SHA}, $apr1$ or bcrypt. It is read again when it has changed. \
                      Without users nobody is let in.",
        access: Access::Field {
            set: |config, node| {
                config.message_broker.users_file = node.as_text("the path of a file")?.into();
                Ok(())
            },
            show: |config| toml::text(&config.message_broker.users_file.to_string_lossy()),
        },
    },
    Key {
        name: "message_broker.users",
        form: Form::List,
        description: "Users and their passwords, as lines of htpasswd; they come before those of \
                      the file.",
        access: Access::SecretList {
            set: |config, node| {
                config.message_broker.users = node.as_list("lines of htpasswd", parse_user)?;
                Ok(())
            },
            is_set: |config| !config.message_broker.users.is_empty(),
        },
    },
    Key {
        name: "message_broker.number_of_receiver",
        form: Form::Count,
        description: "To how many receivers a message goes that does not say it itself; 0 is all.",
        access: Access::Field {
            set: |config, node| {
                config.message_broker.number_of_receiver = node.as_count()?;
                Ok(())
            },
            show: |config| config.message_broker.number_of_receiver.to_string(),
        },
    },
    Key {
        name: "message_broker.order",
        form: Form::Choice(ORDER_NAMES),
        description: "Which receivers are chosen where a message does not go to all: \
                      \"longest-connected\", always the same; \"round-robin\", one after the \
                      other.",
        access: Access::Field {
            set: |config, node| {
                config.message_broker.order = read_choice(node, &ORDERS)?;
                Ok(())
            },
            show: |config| show_choice(config.message_broker.order, &ORDERS),
        },
    },
    Key {
        name: "message_broker.keep_data",
        form: Form::Boolean,
        description: "Whether messages are kept, in the store, that nobody is there to receive.",
        access: Access::Field {
            set: |config, node| {
                config.message_broker.keep_data = node.as_boolean()?;
                Ok(())
            },
            show: |config| config.message_broker.keep_data.to_string(),
        },
    },
    Key {
        name: "message_broker.limit",
        form: Form::Count,
        description: "Kept messages that go to a receiver in one frame, at most.",
        access: Access::Field {
            set: |config, node| {
                config.message_broker.limit = match node.as_count()? {
                    0 => return Err(node.fault("expected more than 0").into()),
                    limit => limit,
                };
                Ok(())
            },
            show: |config| config.message_broker.limit.to_string(),
        },
    },
    Key {
        name: "message_broker.delay_send",
        form: Form::Count,
        description: "Milliseconds between two frames of kept messages.",
        access: Access::Field {
            set: |config, node| {
                let milliseconds = node.as_count()?;
                if milliseconds > LONGEST_DELAY {
                    let message = format!("expected at most {LONGEST_DELAY}, not {milliseconds}");
                    return Err(node.fault(message).into());
                }
                config.message_broker.delay_send = Duration::from_millis(milliseconds as u64);
                Ok(())
            },
            show: |config| config.message_broker.delay_send.as_millis().to_string(),
        },
    },
    Key {
        name: "store.kind",
        form: Form::Choice(STORE_NAMES),
        description: "What the store is: \"sqlite\", a file; \"mysql\", a table of MariaDB or MySQL, \
                      for which the program must have been built with --features mysql.",
        access: Access::Field {
            set: |config, node| {
                config.store.kind = read_choice(node, &STORES)?;
                Ok(())
            },
            show: |config| show_choice(config.store.kind, &STORES),
        },
    },
    Key {
        name: "store.path",
        form: Form::Text,
        description: "The file of a store of kind \"sqlite\", and of topics in any case, relative to \
                      the directory in which the server is started. It is made when something \
                      keeps messages (topics.keep, message_broker.keep_data); else there is none.",
        access: Access::Field {
            set: |config, node| {
                config.store.path = node.as_text("the path of a file")?.into();
                Ok(())
            },
            show: |config| toml::text(&config.store.path.to_string_lossy()),
        },
    },
    Key {
        name: "store.host",
        form: Form::Text,
        description: "For kind \"mysql\": the host of the database, a name or an IP address.",
        access: Access::Field {
            set: |config, node| {
                config.store.mysql.host = node.as_text("the name of a host")?.to_owned();
                Ok(())
            },
            show: |config| toml::text(&config.store.mysql.host),
        },
    },
    Key {
        name: "store.port",
        form: Form::Count,
        description: "For kind \"mysql\": the port of the database.",
        access: Access::Field {
            set: |config, node| {
                config.store.mysql.port = match u16::try_from(node.as_count()?) {
                    Ok(port @ 1..) => port,
                    _ => return Err(node.fault("expected a port from 1 to 65535").into()),
                };
                Ok(())
            },
            show: |config| config.store.mysql.port.to_string(),
        },
    },
    Key {
        name: "store.socket",
        form: Form::Text,
        description: "For kind \"mysql\": the path of the Unix socket of the database, such as \
                      /run/mysqld/mysqld.sock, which is taken instead of host and port.",
        access: Access::Field {
            set: |config, node| {
                config.store.mysql.socket = node.as_text("the path of a socket")?.into();
                Ok(())
            },
            show: |config| toml::text(&config.store.mysql.socket.to_string_lossy()),
        },
    },
    Key {
        name: "store.database",
        form: Form::Text,
        description: "For kind \"mysql\": the name of the database, which must be there.",
        access: Access::Field {
            set: |config, node| {
                config.store.mysql.database = node.as_text("the name of a database")?.to_owned();
                Ok(())
            },
            show: |config| toml::text(&config.store.mysql.database),
        },
    },
    Key {
        name: "store.username",
        form: Form::Text,
        description: "For kind \"mysql\": who logs in to the database.",
        access: Access::Field {
            set: |config, node| {
                config.store.mysql.username = node.as_text("the name of a user")?.to_owned();
                Ok(())
            },
            show: |config| toml::text(&config.store.mysql.username),
        },
    },
    Key {
        name: "store.password",
        form: Form::Secret,
        description: "For kind \"mysql\": the password of that user. store.password_file names a \
                      file that holds it.",
        access: Access::Secret {
            set: |config, secret| config.store.mysql.password = secret,
            is_set: |config| !config.store.mysql.password.is_empty(),
        },
    },
    Key {
        name: "store.prefix",
        form: Form::Text,
        description: "For kind \"mysql\": what the names of the tables begin with: with \"mq_\" \
                      messages are in mq_data.",
        access: Access::Field {
            set: |config, node| {
                let text = node.as_text("the beginning of a name")?;
                config.store.mysql.prefix =
                    parse_prefix(text).map_err(|message| node.fault(message))?;
                Ok(())
            },
            show: |config| toml::text(&config.store.mysql.prefix),
        },
    },
    Key {
        name: "log.level",
        form: Form::Choice(LEVEL_NAMES),
        description: "How much is logged: \"off\", \"error\", \"warn\", \"info\", \"debug\" or \
                      \"trace\".",
        access: Access::Field {
            set: |config, node| {
                config.log.level = read_choice(node, &LEVELS)?;
                Ok(())
            },
            show: |config| show_choice(config.log.level, &LEVELS),
        },
    },
    Key {
        name: "log.format",
        form: Form::Choice(FORMAT_NAMES),
        description: "\"text\", one JSON object a line (\"json\"), or \"auto\": text on a terminal, \
                      else JSON.",
        access: Access::Field {
            set: |config, node| {
                config.log.format = read_choice(node, &FORMATS)?;
                Ok(())
            },
            show: |config| show_choice(config.log.format, &FORMATS),
        },
    },
];

const fn names<T: Copy, const N: usize>(choices: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = choices[index].0;
        index += 1;
    }
    names
}

fn read_choice<T: Copy>(node: &Node, choices: &[(&'static str, T)]) -> Result<T, Fault> {
    let names = || choices.iter().map(|(name, _)| *name);
    let expected = format!("one of {}", names().collect::<Vec<_>>().join(", "));
    let text = node.as_text(&expected)?;
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let near = suggestion(nearest(text, names()));
            node.fault(format!("expected {expected}, not {}{near}", quoted(text)))
        })
}

fn show_choice<T: Copy + PartialEq>(value: T, choices: &[(&'static str, T)]) -> String {
    let name = choices
        .iter()
        .find(|(_, choice)| *choice == value)
        .map_or("", |(name, _)| *name);
    toml::text(name)
}

fn show_listener(listener: &Listen) -> String {
    let rows: Vec<_> = listener_rows(listener)
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    format!("{{ {} }}", rows.join(", "))
}

/// The keys of a `[[listen]]` with their values as TOML.
pub(super) fn listener_rows(listener: &Listen) -> Vec<(&'static str, String)> {
    let services = listener.serve.iter().copied().map(Service::name);
    let mut rows = vec![
        ("address", toml::text(&listener.address.to_string())),
        ("serve", toml::list(services)),
    ];
    if let Some(domain) = &listener.domain {
        rows.push(("domain", toml::text(domain)));
    }
    if matches!(listener.address, listen::Address::Unix(_)) {
        rows.push(("mode", format!("\"{:04o}\"", listener.mode)));
    }
    rows
}

/// A line of htpasswd. Messages do not repeat it.
fn parse_user(line: &str) -> Result<Secret, String> {
    match line.split_once(':') {
        Some((user, hash)) if !user.is_empty() && !hash.is_empty() && !line.contains('\n') => {
            Ok(Secret::new(line))
        }
        _ => Err("expected a line of htpasswd: a user, a colon and a hash".to_owned()),
    }
}

fn read_policies(node: &Node) -> Result<Vec<PrefixPolicy>, Faults> {
    let entries = node.as_table("a table such as { \"/video\" = \"drop-old\" }")?;
    let mut faults = Faults::default();
    let mut policies = Vec::with_capacity(entries.len());
    for entry in entries {
        let prefix = &entry.name;
        if !prefix.starts_with('/') {
            let message = format!(
                "expected a prefix that begins with a slash, such as \"/video\", not {}",
                quoted(prefix)
            );
            faults.0.push(Fault {
                span: entry.span.clone(),
                message,
            });
        }
        match read_choice(&entry.value, &POLICIES) {
            Ok(policy) => policies.push(PrefixPolicy {
                prefix: prefix.clone(),
                policy,
            }),
            Err(mut fault) => {
                fault.message = format!("{}: {}", quoted(prefix), fault.message);
                faults.0.push(fault);
            }
        }
    }
    faults.or(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_has_the_name_that_it_gives_itself() {
        assert_eq!(POLICIES.len(), OutputPolicy::ALL.len());
        for (name, policy) in POLICIES {
            assert_eq!(name, policy.name());
        }
    }

    #[test]
    fn policies_are_read_in_order_and_checked() {
        let good = toml::parse_value(r#"{ "/b" = "latest", "/a" = "drop-new" }"#).unwrap();
        let read = read_policies(&good).unwrap();
        assert_eq!(read[0].prefix, "/b");
        assert_eq!(read[1].policy, OutputPolicy::DropNew);

        let bad = toml::parse_value(r#"{ video = "latest", "/a" = "drop_new" }"#).unwrap();
        let faults = read_policies(&bad).unwrap_err().0;
        assert_eq!(faults.len(), 2);
        assert!(faults[0].message.contains("begins with a slash"));
        assert!(faults[1].message.contains("did you mean \"drop-new\"?"));
    }

    #[test]
    fn choices_are_written_as_they_are_read() {
        for (name, level) in LEVELS {
            let node = toml::parse_value(&show_choice(level, &LEVELS)).unwrap();
            assert_eq!(node, Node::text(name));
            assert_eq!(read_choice(&node, &LEVELS), Ok(level));
        }
    }
}
