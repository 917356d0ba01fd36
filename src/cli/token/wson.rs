//! `fantail token wson`: cookies ready to paste.

use crate::cli::random::random_text;
use crate::cli::{Failure, configuration, output};
use crate::config::{Address, Config, ConfigError, ConfigErrors, Place, Service};
use crate::dialects::wson::credentials::{CookieFault, Cookies, Token, make};
use crate::protocol::origin::Origin;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The arguments of `fantail token wson`.
#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// Whose connection it is: visible ASCII characters; the server allows only so many
    /// connections of one user
    #[arg(short, long)]
    user: Option<String>,

    /// What the client is addressed by: 32 visible ASCII characters [default: random ones]
    #[arg(short, long, value_parser = read_token)]
    token: Option<Token>,

    /// When the lifetime of the cookies begins, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,

    /// Print lines for a PHP page that sets the cookies
    #[arg(long, group = "form")]
    php: bool,

    /// Print a command line that opens a WebSocket with the cookies
    #[arg(long, group = "form")]
    curl: bool,

    /// Print a JSON object
    #[arg(long, group = "form")]
    json: bool,

    #[command(flatten)]
    configuration: configuration::Arguments,
}

fn read_token(text: &str) -> Result<Token, String> {
    Token::new(text.as_bytes()).ok_or_else(|| CookieFault::Token.to_string())
}

/// Prints the cookies in the form that is asked for.
///
/// # Errors
/// Everything that is wrong with the configuration, also if it has no secret; a user or token
/// that no cookie can carry.
pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.configuration.into_sources())?.config;
    let token = match arguments.token {
        Some(token) => token,
        None => read_token(&random_text()?).map_err(Failure::Runtime)?,
    };
    let time = arguments.time.unwrap_or_else(super::epoch_seconds);
    let user = arguments.user.as_deref();
    let cookies = make(&config.wson, token, user, time).map_err(|fault| match fault {
        CookieFault::NoSecret => no_secret(),
        CookieFault::Token | CookieFault::User => Failure::Usage(fault.to_string()),
    })?;
    let expires = time.saturating_add(config.limits.wson_lifetime.as_secs());
    let text = if arguments.php {
        php(&cookies, expires)
    } else if arguments.curl {
        curl(&cookies, &config, &random_key()?)
    } else if arguments.json {
        object(&cookies, time, expires)
    } else {
        format!("Cookie: {cookies}\n")
    };
    output::print(&text)
}

fn no_secret() -> Failure {
    Failure::Configuration(ConfigErrors(vec![ConfigError {
        place: Place::Default,
        message: "wson.secret is empty, so the server makes one at random at each start, which \
                  cannot be known here; configure one for both"
            .to_owned(),
    }]))
}

/// Sets the values as they are: `setcookie` would encode some characters of a user, which the
/// digest does not expect.
fn php(cookies: &Cookies, expires: u64) -> String {
    cookies
        .pairs()
        .fold(String::new(), |mut text, (name, value)| {
            let value = value.replace('\'', "\\'");
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "setrawcookie('{name}', '{value}', ['expires' => {expires}, 'path' => '/', \
             'httponly' => true, 'samesite' => 'Lax']);"
            );
            text
        })
}

fn object(cookies: &Cookies, time: u64, expires: u64) -> String {
    let value = |name| {
        let mut pairs = cookies.pairs();
        pairs
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    };
    let object = json!({
        "token": value("token"),
        "time": time,
        "digest": value("digest"),
        "user": value("user"),
        "expires": expires,
        "cookie": cookies.to_string(),
    });
    format!("{object}\n")
}

/// Asks for the upgrade by hand, since not every curl speaks WebSocket.
fn curl(cookies: &Cookies, config: &Config, key: &str) -> String {
    let headers = [
        "Connection: Upgrade".to_owned(),
        "Upgrade: websocket".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        format!("Sec-WebSocket-Key: {key}"),
        format!("Origin: {}", origin(config)),
        format!("Cookie: {cookies}"),
    ];
    let headers = headers.map(|header| format!(" \\\n  -H {}", quoted(&header)));
    format!(
        "curl --include --no-buffer --http1.1{} \\\n  {}\n",
        headers.concat(),
        place(config)
    )
}

/// An origin that the server accepts.
fn origin(config: &Config) -> &str {
    match config.wson.origins.first() {
        Some(Origin::Exact(origin)) => origin,
        Some(Origin::Any | Origin::Loopback) | None => "http://localhost",
    }
}

/// Where the first listener with ws(s)on is, as arguments of curl.
fn place(config: &Config) -> String {
    let listener = config.listen.iter().find(|listen| {
        listen.serve.contains(&Service::Wson) && !matches!(listen.address, Address::Systemd(_))
    });
    let path = match listener {
        Some(listener) if listener.serve.len() == 1 => "/",
        _ => "/wson",
    };
    match listener.map(|listener| &listener.address) {
        Some(Address::Unix(socket)) => format!(
            "--unix-socket {} http://localhost{path}",
            quoted(&socket.display().to_string())
        ),
        Some(Address::Tcp(address)) => format!("http://{}{path}", reachable(*address)),
        Some(Address::Systemd(_)) | None => format!("http://127.0.0.1:7328{path}"),
    }
}

/// An address of this machine for one that stands for all of them.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A `Sec-WebSocket-Key` (RFC 6455 section 4.1).
fn random_key() -> Result<String, Failure> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|error| Failure::Runtime(format!("no random numbers: {error}")))?;
    Ok(STANDARD.encode(nonce))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listen;
    use crate::secret::Secret;

    fn config(listen: &str, serve: &[Service]) -> Config {
        let mut config = Config::default();
        config.wson.secret = Secret::new("s3cret");
        config.listen = vec![Listen {
            address: listen.parse().unwrap(),
            serve: serve.to_vec(),
            ..Listen::default()
        }];
        config
    }

    fn cookies(user: &str) -> Cookies {
        let config = config("tcp://127.0.0.1:1", &[Service::Wson]);
        let token = Token::new(b"0123456789abcdefghijklmnopqrstuv").unwrap();
        make(&config.wson, token, Some(user), 1_700_000_000).unwrap()
    }

    #[test]
    fn curl_is_told_where_ws_s_on_is() {
        use Service::{Topics, Wson};
        for (listen, serve, expected) in [
            (
                "tcp://127.0.0.1:8099",
                &[Wson][..],
                "http://127.0.0.1:8099/",
            ),
            (
                "tcp://0.0.0.0:80",
                &[Topics, Wson],
                "http://127.0.0.1:80/wson",
            ),
            ("tcp://[::]:80", &[Wson], "http://[::1]:80/"),
            (
                "unix:///run/it's.sock",
                &[Wson, Topics],
                r"--unix-socket '/run/it'\''s.sock' http://localhost/wson",
            ),
            ("systemd:a", &[Wson], "http://127.0.0.1:7328/wson"),
            ("tcp://127.0.0.1:1", &[Topics], "http://127.0.0.1:7328/wson"),
        ] {
            assert_eq!(place(&config(listen, serve)), expected, "{listen}");
        }
    }

    #[test]
    fn curl_sends_an_origin_that_is_accepted() {
        let mut config = Config::default();
        let ours = Origin::Exact("https://a.example".to_owned());
        for origins in [
            vec![Origin::Loopback],
            vec![Origin::Any, ours.clone()],
            vec![ours, Origin::Loopback],
        ] {
            config.wson.origins = origins;
            assert!(config.wson.allows_origin(Some(origin(&config))));
        }
    }

    #[test]
    fn words_of_other_languages_stay_one_word() {
        let cookies = cookies("o'neill");
        let lines = php(&cookies, 1_700_086_400);
        let last = lines.lines().last().unwrap();
        assert_eq!(
            last,
            r"setrawcookie('user', 'o\'neill', ['expires' => 1700086400, 'path' => '/', 'httponly' => true, 'samesite' => 'Lax']);"
        );
        assert_eq!(lines.lines().count(), 4);
        let line = curl(&cookies, &Config::default(), "KEY=");
        assert!(line.contains(r"user=o'\''neill'"), "{line}");
    }
}
