//! What a single value cannot tell: bounds, and values that contradict each other.

use super::listen::{Address, Listen, Service, takes_any_port};
use super::units::format_bytes;
use super::web::format_network;
use super::{Config, ControlListen};
use crate::limits::{LIMITS, LONGEST_CONTROL_FRAME, Limit, Limits, Value};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

/// Limits for which 0 has a meaning: off, the system's own, or at once. Every other one would
/// refuse everybody.
const MAY_BE_ZERO: &[Limit] = &[
    Limit::Messages,
    Limit::Memory,
    Limit::Connections,
    Limit::TcpUserTimeout,
    Limit::LingerTime,
    Limit::OutputSoftTime,
    Limit::ControlOutputSoftTime,
    Limit::Gather,
    Limit::Drain,
    Limit::StoreAge,
];

/// The room of the parser for header fields.
const MOST_HEADERS: usize = 64;

/// Two values or a bound that contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The keys that are concerned; the first that was given has the blame.
    pub keys: Vec<&'static str>,
    /// One sentence with the names of the keys.
    pub message: String,
}

/// Everything that is contradictory.
pub(super) fn violations(config: &Config) -> Vec<Violation> {
    let limits = &config.limits;
    let mut found: Vec<_> = LIMITS
        .iter()
        .filter(|row| is_zero(limits.get(row.limit)) && !MAY_BE_ZERO.contains(&row.limit))
        .map(|row| Violation {
            keys: vec![row.key],
            message: format!("{}: expected more than 0", row.key),
        })
        .collect();
    found.extend(more_than_possible(
        Limit::Headers,
        limits.headers,
        MOST_HEADERS,
        &MOST_HEADERS.to_string(),
    ));
    found.extend(more_than_possible(
        Limit::ControlFrame,
        limits.control_frame,
        LONGEST_CONTROL_FRAME,
        &format!("{LONGEST_CONTROL_FRAME}, which is what 7 digits can say"),
    ));
    found.extend(soft_over_hard(limits, Limit::OutputSoft, Limit::Output));
    found.extend(soft_over_hard(
        limits,
        Limit::ControlOutputSoft,
        Limit::ControlOutput,
    ));
    found.extend(control_violations(config));
    found
}

fn more_than_possible(limit: Limit, value: usize, most: usize, named: &str) -> Option<Violation> {
    let key = limit.row().key;
    (value > most).then(|| Violation {
        keys: vec![key],
        message: format!("{key}: expected at most {named}, not {value}"),
    })
}

fn soft_over_hard(limits: &Limits, soft: Limit, hard: Limit) -> Option<Violation> {
    let (Value::Bytes(soft_bytes), Value::Bytes(hard_bytes)) = (limits.get(soft), limits.get(hard))
    else {
        return None;
    };
    let (soft, hard) = (soft.row().key, hard.row().key);
    (soft_bytes > hard_bytes).then(|| Violation {
        keys: vec![soft, hard],
        message: format!(
            "{soft} ({}) is more than {hard} ({})",
            format_bytes(soft_bytes),
            format_bytes(hard_bytes)
        ),
    })
}

/// On TCP everybody on the machine can knock, and everybody on the network where it is exposed.
fn control_violations(config: &Config) -> Vec<Violation> {
    let control = &config.control;
    let mut found = Vec::new();
    for ControlListen { address } in &control.listen {
        if let Some(tcp) = tcp(address) {
            if !control.exposed && !tcp.ip().to_canonical().is_loopback() {
                found.push(Violation {
                    keys: vec!["control.listen", "control.exposed"],
                    message: format!(
                        "control.listen: other machines can reach {address}; if they shall, set \
                         control.exposed = true"
                    ),
                });
            }
            if control.secret.is_empty() {
                found.push(Violation {
                    keys: vec!["control.listen", "control.secret"],
                    message: format!("control.listen: {address} needs control.secret"),
                });
            }
        }
        let mut others = config.listen.iter().map(|listen| &listen.address);
        if others.any(|other| other == address) && !takes_any_port(address) {
            found.push(Violation {
                keys: vec!["control.listen", "listen"],
                message: format!("control.listen: {address} is also in listen"),
            });
        }
    }
    found
}

fn tcp(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Tcp(address) => Some(*address),
        Address::Unix(_) | Address::Systemd(_) => None,
    }
}

fn is_zero(value: Value) -> bool {
    matches!(
        value,
        Value::Bytes(0) | Value::Count(0) | Value::Period(Duration::ZERO)
    )
}

/// What is allowed but has no effect.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if config.topics.secret.is_empty() && !config.topics.audience.is_empty() {
        found.push("topics.audience has no effect without topics.secret".to_owned());
    }
    let uses_secret = |listen: &ControlListen| !matches!(listen.address, Address::Unix(_));
    if !config.control.secret.is_empty() && !config.control.listen.iter().any(uses_secret) {
        found.push(
            "control.secret has no effect without a tcp:// address in control.listen".to_owned(),
        );
    }
    found.extend(authorities_by_proxy(config));
    found
}

/// A client whose proxy does not name it has the proxy's address, and its rights. What the defaults
/// say of loopback is left alone.
fn authorities_by_proxy(config: &Config) -> Option<String> {
    if !config.listen.iter().any(gives_strangers_drc) {
        return None;
    }
    let defaults = Config::default();
    let proxies = &config.http.trusted_proxies;
    let overlapping = |network: &IpNet| {
        let is_default = defaults.drc.whitelist.iter().any(|(own, _)| own == network);
        proxies
            .iter()
            .filter(|proxy| !(is_default && defaults.http.trusted_proxies.contains(proxy)))
            .find(|proxy| network.contains(*proxy) || proxy.contains(network))
            .copied()
    };
    let mut networks = config.drc.whitelist.iter().map(|(network, _)| network);
    let (network, proxy) = networks.find_map(|network| Some((network, overlapping(network)?)))?;
    let (network, proxy) = (format_network(network), format_network(&proxy));
    Some(format!(
        "drc.whitelist: {network} and {proxy} of http.trusted_proxies overlap, so everybody \
         behind a proxy that sends no X-Forwarded-For is an authority"
    ))
}

fn gives_strangers_drc(listen: &Listen) -> bool {
    let of_loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
    listen.serve.contains(&Service::Drc) && tcp(&listen.address).is_some_and(|a| !of_loopback(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_of(change: impl Fn(&mut Config)) -> Vec<Vec<&'static str>> {
        let mut config = Config::default();
        change(&mut config);
        violations(&config).into_iter().map(|v| v.keys).collect()
    }

    #[test]
    fn the_defaults_contradict_nothing() {
        assert_eq!(violations(&Config::default()), []);
        assert_eq!(warnings(&Config::default()), [] as [String; 0]);
    }

    #[test]
    fn contradictions_are_found() {
        assert_eq!(keys_of(|c| c.limits.headers = 65), [["limits.headers"]]);
        assert_eq!(keys_of(|c| c.limits.message = 0), [["limits.message"]]);
        assert_eq!(
            keys_of(|c| c.limits.output_soft = c.limits.output + 1),
            [["limits.output_soft", "limits.output"]]
        );
        assert_eq!(
            keys_of(|c| c.limits.control_frame = LONGEST_CONTROL_FRAME + 1),
            [["control.frame"]]
        );
        assert_eq!(
            keys_of(|c| c.limits.control_output_soft = c.limits.control_output + 1),
            [["control.output_soft", "control.output"]]
        );
        assert!(keys_of(|c| c.limits.messages = 0).is_empty());
    }

    #[test]
    fn a_control_port_on_tcp_needs_a_secret_and_leave_to_be_exposed() {
        let listen = |address: &str| {
            vec![ControlListen {
                address: address.parse().unwrap(),
            }]
        };
        let of_secret = ["control.listen", "control.secret"];
        let of_exposed = ["control.listen", "control.exposed"];
        for (address, secret, exposed, expected) in [
            ("unix:///x.sock", "", false, vec![]),
            ("systemd:control", "", false, vec![]),
            ("tcp://127.0.0.1:1", "x", false, vec![]),
            ("tcp://127.9.9.9:1", "x", false, vec![]),
            ("tcp://[::1]:0", "x", false, vec![]),
            ("tcp://[::ffff:127.0.0.1]:1", "x", false, vec![]),
            ("tcp://127.0.0.1:1", "", false, vec![of_secret]),
            ("tcp://127.0.0.1:1", "", true, vec![of_secret]),
            ("tcp://0.0.0.0:1", "x", false, vec![of_exposed]),
            ("tcp://[::]:1", "x", false, vec![of_exposed]),
            ("tcp://10.0.0.1:1", "", false, vec![of_exposed, of_secret]),
            ("tcp://10.0.0.1:1", "x", true, vec![]),
        ] {
            let found = keys_of(|c| {
                c.control.listen = listen(address);
                c.control.secret = crate::secret::Secret::new(secret);
                c.control.exposed = exposed;
            });
            assert_eq!(found, expected, "{address} {secret} {exposed}");
        }
        let found = keys_of(|c| {
            c.control.listen = listen("unix:///x.sock");
            c.listen[0].address = "unix:///x.sock".parse().unwrap();
        });
        assert_eq!(found, [["control.listen", "listen"]]);
    }

    #[test]
    fn a_whitelist_that_holds_a_proxy_is_warned_about() {
        let (everybody, loopback) = ("tcp://0.0.0.0:80", "tcp://127.0.0.1:80");
        for (address, whitelist, proxies, expected) in [
            (everybody, "10.0.0.0/8", "10.0.0.1", true),
            (everybody, "10.0.0.1", "10.0.0.0/8", true),
            (everybody, "127.0.0.0/8", "127.0.0.0/8", true),
            (everybody, "127.0.0.1", "127.0.0.1", true),
            (everybody, "127.0.0.1", "127.0.0.0/8", false),
            (everybody, "10.0.0.1", "10.0.0.2", false),
            (everybody, "::/0", "10.0.0.2", false),
            (loopback, "10.0.0.0/8", "10.0.0.1", false),
            ("unix:///x.sock", "10.0.0.0/8", "10.0.0.1", false),
        ] {
            let network = |text: &str| super::super::web::parse_network(text).unwrap();
            let mut config = Config::default();
            config.listen[0].address = address.parse().unwrap();
            config.drc.whitelist[0].0 = network(whitelist);
            config.http.trusted_proxies = vec![network(proxies)];
            let found = warnings(&config);
            assert_eq!(found.len(), usize::from(expected), "{whitelist} {proxies}");
            config.listen[0].serve = vec![Service::Topics];
            assert_eq!(warnings(&config), [] as [String; 0]);
        }
    }

    #[test]
    fn every_limit_refuses_zero_or_gives_it_a_meaning() {
        for row in LIMITS {
            let zero = match row.default {
                Value::Bytes(_) => Value::Bytes(0),
                Value::Count(_) => Value::Count(0),
                Value::Period(_) => Value::Period(Duration::ZERO),
            };
            let mut config = Config::default();
            config.limits.set(row.limit, zero);
            let refused = violations(&config)
                .iter()
                .any(|v| v.keys == [row.key] && v.message.ends_with("more than 0"));
            assert_eq!(refused, !MAY_BE_ZERO.contains(&row.limit), "{}", row.key);
        }
    }
}
