//! The variables of the environment.

use super::error::Place;
use super::keys::{ENVIRONMENT_PREFIX, Key, Target, environment_name, find};
use super::loader::{Layer, Loader};
use super::nearest::nearest;
use super::node::{Node, Span, quoted};
use super::sources::CONFIG_VARIABLE;
use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::Path;

/// Variables with our prefix that are no keys: the path of the file, and the token of the client
/// commands.
pub(super) const OTHER_VARIABLES: &[&str] = &[CONFIG_VARIABLE, TOKEN_VARIABLE];

/// The variable from which `fantail pub` and `fantail sub` take their token.
pub const TOKEN_VARIABLE: &str = "FANTAIL_TOKEN";

/// The variable with which hosts of containers say on which port they expect the server.
const PORT_VARIABLE: &str = "PORT";

const CROSSBAR_PREFIX: &str = "CROSSBAR_";

/// Crossbar's own names, and the keys that they stand for.
const CROSSBAR: &[(&str, &str)] = &[
    ("CROSSBAR_LISTEN", "listen"),
    ("CROSSBAR_SECRET", "topics.secret"),
    ("CROSSBAR_AUDIENCE", "topics.audience"),
];

/// Reads the variables, crossbar's below our own.
pub(super) fn load(loader: &mut Loader, environment: &[(OsString, OsString)]) {
    let variables: BTreeMap<_, _> = environment
        .iter()
        .map(|(name, value)| (name.to_string_lossy(), value))
        .collect();
    let with_prefix = |prefix: &'static str| {
        variables
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_ref(), *value))
    };
    let mut crossbar = layer();
    for (name, value) in with_prefix(CROSSBAR_PREFIX) {
        load_crossbar(loader, &mut crossbar, name, value);
    }
    let names: BTreeMap<String, Target> = Target::all()
        .map(|(name, target)| (environment_name(&name), target))
        .collect();
    let mut own = layer();
    for (name, value) in with_prefix(ENVIRONMENT_PREFIX) {
        match names.get(name) {
            Some(target) => assign(loader, &mut own, name, *target, value),
            None if OTHER_VARIABLES.contains(&name) => {}
            None => {
                let known = names.keys().map(String::as_str);
                let message = unknown_variable(name, known.chain(OTHER_VARIABLES.iter().copied()));
                loader.error(place(name, &None), message);
            }
        }
    }
}

/// Reads the port that the host of a container gives, where nothing says where to listen. Its
/// clients come from outside, so it is a port of all addresses.
pub(super) fn load_port(loader: &mut Loader, environment: &[(OsString, OsString)]) {
    let mut variables = environment.iter();
    let port = variables.find(|(name, value)| name == PORT_VARIABLE && !value.is_empty());
    let Some((_, value)) = port.filter(|_| !loader.has("listen")) else {
        return;
    };
    let Some(target) = Target::of("listen") else {
        return;
    };
    match value.to_str().map(str::parse::<u16>) {
        Some(Ok(port)) if port > 0 => {
            let address = OsString::from(format!("tcp://0.0.0.0:{port}"));
            assign(loader, &mut layer(), PORT_VARIABLE, target, &address);
        }
        _ => loader.warn(
            &place(PORT_VARIABLE, &None),
            "this is no port, and is not read",
        ),
    }
}

fn layer() -> Layer<'static> {
    Layer {
        directory: Path::new(""),
        locate: &place,
        seen: HashSet::new(),
    }
}

fn place(name: &str, _: &Span) -> Place {
    Place::Environment(name.to_owned())
}

fn assign(
    loader: &mut Loader,
    layer: &mut Layer<'_>,
    name: &str,
    target: Target,
    value: &OsString,
) {
    let Some(text) = value.to_str() else {
        return loader.error(place(name, &None), "the value is not UTF-8");
    };
    let node = if target.from_file {
        Ok(Node::text(text))
    } else {
        target.key.form.read_text(text)
    };
    match node {
        Ok(node) => loader.assign(layer, (name, &None), target, &node),
        Err(message) => loader.error(
            place(name, &None),
            format!("{}: {message}", target.key.name),
        ),
    }
}

fn load_crossbar(loader: &mut Loader, layer: &mut Layer<'_>, name: &str, value: &OsString) {
    let key = CROSSBAR
        .iter()
        .find(|(known, _)| *known == name)
        .and_then(|(_, key)| find(key));
    let Some(key) = key else {
        return loader.warn(&place(name, &None), "this variable is not read");
    };
    let target = Target {
        key,
        from_file: false,
    };
    if !is_listen(key) {
        return assign(loader, layer, name, target, value);
    }
    match crossbar_address(&value.to_string_lossy()) {
        Ok(address) => assign(loader, layer, name, target, &OsString::from(address)),
        Err(message) => loader.error(place(name, &None), message),
    }
}

fn is_listen(key: &Key) -> bool {
    key.name == "listen"
}

/// Crossbar takes what Go's `net.Listen` does: `:8080` is every address, `localhost:8080` this
/// machine.
fn crossbar_address(text: &str) -> Result<String, String> {
    let expected = || {
        format!(
            "expected an address such as :8080 or 127.0.0.1:8080, not {}",
            quoted(text)
        )
    };
    let (host, port) = text.trim().rsplit_once(':').ok_or_else(expected)?;
    let port: u16 = port.parse().map_err(|_| expected())?;
    let host = match host {
        "" => "[::]",
        "localhost" => "127.0.0.1",
        host => host,
    };
    let address: std::net::SocketAddr = format!("{host}:{port}").parse().map_err(|_| expected())?;
    Ok(format!("tcp://{address}=topics"))
}

fn unknown_variable<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let meant = nearest(name, known)
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default();
    format!("no key has this variable{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossbar_addresses_are_translated() {
        for (text, expected) in [
            (":8080", "tcp://[::]:8080=topics"),
            ("127.0.0.1:8080", "tcp://127.0.0.1:8080=topics"),
            ("localhost:80", "tcp://127.0.0.1:80=topics"),
            ("[::1]:80", "tcp://[::1]:80=topics"),
        ] {
            assert_eq!(crossbar_address(text).as_deref(), Ok(expected));
        }
        for text in ["", "8080", ":x", "host:80", ":99999", "::1:80"] {
            assert!(crossbar_address(text).is_err(), "{text}");
        }
    }
}
