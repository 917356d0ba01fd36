//! Where the server listens and what it serves there.

use super::nearest::{nearest, suggestion};
use super::node::{Content, Entry, Fault, Faults, Node, quoted};
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The mode of a Unix socket when none is given: its owner and its group may connect.
pub(super) const DEFAULT_MODE: u32 = 0o660;

/// Listeners; each holds one of the descriptors that are kept back from clients.
const MOST_LISTENERS: usize = 16;

/// The longest path of a Unix socket in bytes: `sun_path` less its final zero.
const LONGEST_SOCKET_PATH: usize = 107;

/// One `[[listen]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// What; at least one, none twice.
    pub serve: Vec<Service>,
    /// The name under which clients reach this listener.
    pub domain: Option<String>,
    /// The permission bits of a Unix socket.
    pub mode: u32,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7328))),
            serve: vec![
                Service::Topics,
                Service::Drc,
                Service::Dsock,
                Service::MessageBroker,
                Service::Wson,
            ],
            domain: None,
            mode: DEFAULT_MODE,
        }
    }
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `tcp://127.0.0.1:7328`, `tcp://[::]:80`. Port 0 is any free port.
    Tcp(SocketAddr),
    /// `unix:///run/fantail.sock`; an absolute path.
    Unix(PathBuf),
    /// `systemd:name`; a socket that systemd opened, by its `FileDescriptorName`.
    Systemd(String),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "tcp://{address}"),
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Systemd(name) => write!(formatter, "systemd:{name}"),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("tcp://") {
            parse_tcp(text, rest)
        } else if let Some(path) = text.strip_prefix("unix://") {
            parse_unix(text, path)
        } else if let Some(name) = text.strip_prefix("systemd:") {
            parse_systemd(text, name)
        } else {
            Err(format!(
                "expected an address such as tcp://127.0.0.1:7328, unix:///run/fantail.sock \
                 or systemd:name, not {}",
                quoted(text)
            ))
        }
    }
}

fn parse_tcp(text: &str, rest: &str) -> Result<Address, String> {
    rest.parse().map(Address::Tcp).map_err(|_| {
        let hint = match rest.rsplit_once(':') {
            Some((host, _)) if host.eq_ignore_ascii_case("localhost") => {
                "; names are not looked up: this machine is 127.0.0.1 or [::1]"
            }
            Some(("" | "*", _)) => "; all addresses are 0.0.0.0 or [::]",
            None => "; a port is missing",
            Some(_) => "",
        };
        format!(
            "expected tcp:// with an IP address and a port, such as tcp://127.0.0.1:7328 or \
             tcp://[::]:80, not {}{hint}",
            quoted(text)
        )
    })
}

fn parse_unix(text: &str, path: &str) -> Result<Address, String> {
    let found = quoted(text);
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(format!(
            "expected unix:// with the absolute path of a socket, such as \
             unix:///run/fantail.sock, not {found}"
        ));
    }
    if path.len() > LONGEST_SOCKET_PATH {
        return Err(format!(
            "expected a socket path of at most {LONGEST_SOCKET_PATH} bytes, not {found}"
        ));
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

/// Names as systemd.socket(5) allows them for `FileDescriptorName=`.
fn parse_systemd(text: &str, name: &str) -> Result<Address, String> {
    let fits =
        (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_graphic() && c != ':');
    if fits {
        Ok(Address::Systemd(name.to_owned()))
    } else {
        Err(format!(
            "expected systemd: with the FileDescriptorName of a socket unit, not {}",
            quoted(text)
        ))
    }
}

/// What a listener can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// A channel per URL path.
    Topics,
    /// Channels that authorities give others the right to.
    Drc,
    /// Claims, and an HTTP API to send to whoever has redeemed one.
    Dsock,
    /// Named queues for users with passwords.
    MessageBroker,
    /// Clients with cookies, reached through the control port.
    Wson,
    /// Every message goes back to its sender.
    Echo,
}

impl Service {
    /// All services, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Topics,
        Self::Drc,
        Self::Dsock,
        Self::MessageBroker,
        Self::Wson,
        Self::Echo,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Drc => "drc",
            Self::Dsock => "dsock",
            Self::MessageBroker => "message-broker",
            Self::Wson => "wson",
            Self::Echo => "echo",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL
            .into_iter()
            .find(|service| service.name() == text)
            .ok_or_else(|| {
                format!(
                    "expected one of {}, not {}{}",
                    names.join(", "),
                    quoted(text),
                    suggestion(nearest(text, names))
                )
            })
    }
}

/// One key of a `[[listen]]` table, for the documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The name in the table.
    pub name: &'static str,
    /// The default as TOML; empty where the key may be left out and has no value then.
    pub default: &'static str,
    /// What it is for.
    pub description: &'static str,
}

/// The keys of a `[[listen]]` table.
pub(super) const FIELDS: &[Field] = &[
    Field {
        name: "address",
        default: "\"tcp://127.0.0.1:7328\"",
        description: "Where: tcp:// with an IP address and a port (0: any free one), unix:// with \
                      an absolute path, or systemd: with the name of a socket that systemd opened. \
                      Every listener needs one.",
    },
    Field {
        name: "serve",
        default: "[\"topics\", \"drc\", \"dsock\", \"message-broker\", \"wson\"]",
        description: "What: \"topics\", a channel per URL path; \"drc\", channels that authorities \
                      give others the right to; \"dsock\", claims and an HTTP API; \
                      \"message-broker\", named queues for users with passwords; \"wson\", clients \
                      with cookies, reached through the control port; \"echo\", every message goes \
                      back to its sender. One alone is served on every path; of several, DRC is \
                      at /drc, the message broker at /mq, ws(s)on at /wson, echo at /echo and \
                      dSock at the paths of its API.",
    },
    Field {
        name: "domain",
        default: "",
        description: "The name under which clients reach this listener.",
    },
    Field {
        name: "mode",
        default: "\"0660\"",
        description: "The permissions of a Unix socket, in octal digits.",
    },
];

/// Turns `tcp://127.0.0.1:7328=topics+echo,unix:///run/x.sock=echo` into the list of tables that
/// would stand in a file. Without `=`, the default is served. A path with a comma or an equals
/// sign needs the inline TOML or the file.
pub(super) fn parse_list(text: &str) -> Node {
    let listeners = super::form::split_list(text).map(|item| {
        let (address, services) = item
            .rsplit_once('=')
            .map_or((item, None), |(address, services)| {
                (address.trim(), Some(services))
            });
        let mut entries = vec![entry("address", Node::text(address))];
        if let Some(services) = services {
            let services = services.split('+').map(|name| Node::text(name.trim()));
            entries.push(entry("serve", Node::new(Content::List(services.collect()))));
        }
        Node::new(Content::Table(entries))
    });
    Node::new(Content::List(listeners.collect()))
}

fn entry(name: &str, value: Node) -> Entry {
    Entry {
        name: name.to_owned(),
        span: None,
        value,
    }
}

/// Reads all listeners.
///
/// # Errors
/// Everything that is wrong with any of them, and addresses that are given twice.
pub(super) fn read(node: &Node) -> Result<Vec<Listen>, Faults> {
    let Content::List(tables) = &node.content else {
        return Err(node
            .fault(format!(
                "expected one [[listen]] or several, not {}",
                node.content.name()
            ))
            .into());
    };
    let mut faults = Faults::default();
    let mut listeners = Vec::with_capacity(tables.len());
    let mut addresses = HashSet::new();
    for table in tables {
        match read_one(table) {
            Ok(listener) => {
                if !takes_any_port(&listener.address) && !addresses.insert(listener.address.clone())
                {
                    let message = format!("the address {} is given twice", listener.address);
                    faults.0.push(table.fault(message));
                }
                listeners.push(listener);
            }
            Err(mut more) => faults.0.append(&mut more.0),
        }
    }
    if tables.len() > MOST_LISTENERS {
        let message = format!(
            "expected at most {MOST_LISTENERS} listeners, not {}",
            tables.len()
        );
        faults.0.push(node.fault(message));
    }
    if tables.is_empty() {
        faults
            .0
            .push(node.fault("expected at least one listener, not an empty list"));
    }
    faults.or(listeners)
}

/// True if listening there several times gives several ports.
pub(super) fn takes_any_port(address: &Address) -> bool {
    matches!(address, Address::Tcp(address) if address.port() == 0)
}

/// What has been read of one `[[listen]]` so far.
#[derive(Default)]
struct Draft {
    address: Option<Address>,
    serve: Option<Vec<Service>>,
    domain: Option<String>,
    mode: Option<(u32, Fault)>,
}

fn read_one(node: &Node) -> Result<Listen, Faults> {
    let entries = node.as_table("a table such as { address = \"tcp://127.0.0.1:7328\" }")?;
    let mut draft = Draft::default();
    let mut faults = Faults::default();
    for entry in entries {
        if let Err(mut more) = read_field(&mut draft, entry) {
            faults.0.append(&mut more.0);
        }
    }
    let named = entries.iter().any(|entry| entry.name == "address");
    if !named {
        faults.0.push(node.fault("this listener has no address"));
    }
    if let (Some(Address::Tcp(_) | Address::Systemd(_)), Some((_, fault))) =
        (&draft.address, &draft.mode)
    {
        faults.0.push(fault.clone());
    }
    let defaults = Listen::default();
    faults.or(Listen {
        address: draft.address.unwrap_or(defaults.address),
        serve: draft.serve.unwrap_or(defaults.serve),
        domain: draft.domain,
        mode: draft.mode.map_or(defaults.mode, |(mode, _)| mode),
    })
}

fn read_field(draft: &mut Draft, entry: &Entry) -> Result<(), Faults> {
    let value = &entry.value;
    match entry.name.as_str() {
        "address" => {
            let text = value.as_text("an address")?;
            let address = text.parse().map_err(|message: String| value.fault(message));
            draft.address = Some(address?);
        }
        "serve" => draft.serve = Some(read_services(value)?),
        "domain" => draft.domain = Some(read_domain(value)?),
        "mode" => {
            let fault = value.fault("mode is for unix:// addresses only");
            draft.mode = Some((read_mode(value)?, fault));
        }
        unknown => {
            let near = nearest(unknown, FIELDS.iter().map(|field| field.name));
            return Err(Fault {
                span: entry.span.clone(),
                message: format!("unknown key {}{}", quoted(unknown), suggestion(near)),
            }
            .into());
        }
    }
    Ok(())
}

fn read_services(node: &Node) -> Result<Vec<Service>, Faults> {
    let services = node.as_list("names", Service::from_str)?;
    let mut faults = Faults::default();
    let mut seen = HashSet::new();
    for service in &services {
        if !seen.insert(*service) {
            faults
                .0
                .push(node.fault(format!("\"{service}\" is given twice")));
        }
    }
    if services.is_empty() {
        faults
            .0
            .push(node.fault("expected at least one name, not an empty list"));
    }
    faults.or(services)
}

fn read_domain(node: &Node) -> Result<String, Fault> {
    let text = node.as_text("a name")?;
    let fits = (1..=253).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(node.fault(format!(
            "expected a domain such as ws1.example.com, not {}",
            quoted(text)
        )))
    }
}

fn read_mode(node: &Node) -> Result<u32, Fault> {
    const EXPECTED: &str = "octal digits such as \"0660\"";
    let text = node.as_text(EXPECTED)?;
    let digits = (3..=4).contains(&text.len()) && text.chars().all(|c| c.is_digit(8));
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| digits && *mode <= 0o777)
        .ok_or_else(|| node.fault(format!("expected {EXPECTED}, not {}", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners(text: &str) -> Result<Vec<Listen>, Vec<String>> {
        read(&parse_list(text)).map_err(messages)
    }

    fn from_toml(text: &str) -> Result<Vec<Listen>, Vec<String>> {
        read(&crate::config::toml::parse_value(text).unwrap()).map_err(messages)
    }

    fn messages(faults: Faults) -> Vec<String> {
        faults.0.into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn addresses_survive_reading_and_writing() {
        for text in [
            "tcp://127.0.0.1:7328",
            "tcp://[::]:80",
            "tcp://0.0.0.0:0",
            "unix:///run/fantail/ws.sock",
            "systemd:fantail-ws",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_are_explained() {
        for (text, part) in [
            ("127.0.0.1:80", "expected an address such as"),
            ("http://127.0.0.1:80", "expected an address such as"),
            ("tcp://localhost:80", "names are not looked up"),
            ("tcp://:80", "all addresses are 0.0.0.0"),
            ("tcp://127.0.0.1", "a port is missing"),
            ("tcp://127.0.0.1:80/x", "expected tcp://"),
            ("tcp://127.0.0.1:65536", "expected tcp://"),
            ("tcp://::1:80x", "expected tcp://"),
            ("unix://run/x.sock", "absolute path"),
            ("unix:///", "absolute path"),
            ("unix:///a\0b", "absolute path"),
            ("systemd:", "FileDescriptorName"),
            ("systemd:a:b", "FileDescriptorName"),
            ("systemd:a b", "FileDescriptorName"),
        ] {
            let message = text.parse::<Address>().unwrap_err();
            assert!(message.contains(part), "{text:?} gave {message:?}");
        }
        let long = format!("unix:///{}", "x".repeat(107));
        assert!(long.parse::<Address>().unwrap_err().contains("107 bytes"));
    }

    #[test]
    fn the_short_form_gives_address_and_services() {
        let list = listeners("tcp://127.0.0.1:0=topics+echo, unix:///run/x.sock=echo,systemd:a");
        let list = list.unwrap();
        assert_eq!(list[0].serve, [Service::Topics, Service::Echo]);
        assert_eq!(list[1].address, Address::Unix("/run/x.sock".into()));
        assert_eq!(list[1].serve, [Service::Echo]);
        assert_eq!(list[1].mode, 0o660);
        assert_eq!(list[2].serve, Listen::default().serve);
    }

    #[test]
    fn tables_give_the_rest() {
        let list = from_toml(
            r#"[{ address = "unix:///x.sock", serve = ["echo"], domain = "a.example", mode = "600" }]"#,
        )
        .unwrap();
        assert_eq!(list[0].mode, 0o600);
        assert_eq!(list[0].domain.as_deref(), Some("a.example"));
    }

    #[test]
    fn wrong_listeners_are_explained() {
        for (text, parts) in [
            ("", vec!["at least one listener"]),
            ("tcp://127.0.0.1:1=topcs", vec!["did you mean \"topics\"?"]),
            (
                "tcp://127.0.0.1:1=amqp",
                vec!["expected one of topics, drc, dsock, message-broker, wson, echo"],
            ),
            ("tcp://127.0.0.1:1=topics+topics", vec!["given twice"]),
            (
                "tcp://127.0.0.1:1,tcp://127.0.0.1:1=echo",
                vec!["tcp://127.0.0.1:1 is given twice"],
            ),
            ("x,,y=z", vec!["\"x\"", "\"\"", "\"y\"", "\"z\""]),
        ] {
            let found = listeners(text).unwrap_err();
            assert_eq!(found.len(), parts.len(), "{text}: {found:?}");
            for (message, part) in found.iter().zip(parts) {
                assert!(message.contains(part), "{text}: {found:?}");
            }
        }
        assert!(listeners("tcp://127.0.0.1:0,tcp://127.0.0.1:0").is_ok());
    }

    #[test]
    fn wrong_tables_are_explained() {
        for (text, part) in [
            ("3", "expected one [[listen]]"),
            ("[3]", "expected a table"),
            ("[{}]", "no address"),
            ("[{ address = 3 }]", "not a number"),
            (
                "[{ adress = \"tcp://127.0.0.1:1\" }]",
                "did you mean \"address\"?",
            ),
            (
                "[{ address = \"unix:///x\", mode = 432 }]",
                "octal digits such as \"0660\" in quotes",
            ),
            ("[{ address = \"unix:///x\", mode = \"0999\" }]", "octal"),
            ("[{ address = \"unix:///x\", mode = \"+66\" }]", "octal"),
            ("[{ address = \"unix:///x\", mode = \"4755\" }]", "octal"),
            (
                "[{ address = \"tcp://127.0.0.1:1\", mode = \"0660\" }]",
                "for unix://",
            ),
            (
                "[{ address = \"tcp://127.0.0.1:1\", serve = [] }]",
                "at least one name",
            ),
            (
                "[{ address = \"tcp://127.0.0.1:1\", domain = \"a b\" }]",
                "a domain such as",
            ),
        ] {
            let found = from_toml(text).unwrap_err();
            assert!(found[0].contains(part), "{text}: {found:?}");
        }
    }

    #[test]
    fn the_documented_defaults_are_the_real_ones() {
        let text: Vec<_> = FIELDS
            .iter()
            .filter(|field| !field.default.is_empty() && field.name != "mode")
            .map(|field| format!("{} = {}", field.name, field.default))
            .collect();
        let read = from_toml(&format!("[{{ {} }}]", text.join(", "))).unwrap();
        assert_eq!(read, [Listen::default()]);
        assert!(
            FIELDS
                .iter()
                .any(|f| f.default == format!("\"{DEFAULT_MODE:04o}\""))
        );
    }

    #[test]
    fn there_are_as_many_listeners_as_descriptors_kept_back_for_them() {
        let text = vec!["tcp://127.0.0.1:0"; MOST_LISTENERS + 1].join(",");
        let errors = listeners(&text).unwrap_err();
        assert_eq!(errors, ["expected at most 16 listeners, not 17"]);
    }
}
