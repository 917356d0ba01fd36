//! The sources together: precedence, and every message with its place.

use super::*;
use crate::dialects::dsock::settings::ApiVersion;
use crate::dialects::topics::settings::StatisticsAccess;
use crate::dialects::wson::settings::{DigestKind, OnMessage};
use crate::protocol::origin::Origin;
use crate::secret::Secret;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use tempfile::TempDir;

struct Setup {
    directory: TempDir,
    sources: Sources,
}

impl Setup {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            sources: Sources::default(),
        }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn file(mut self, text: impl AsRef<[u8]>) -> Self {
        self.sources.config_path = Some(self.write("fantail.toml", text));
        self
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.push((key.into(), value.into()));
        self
    }

    fn config(&self) -> Config {
        Config::load(&self.sources).unwrap().config
    }

    /// The messages, without the name of the temporary directory.
    fn errors(&self) -> Vec<String> {
        let prefix = format!("{}/", self.directory.path().display());
        let errors = Config::load(&self.sources).unwrap_err().to_string();
        errors
            .replace(&prefix, "")
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn without_anything_all_but_echo_is_served_on_loopback() {
    let loaded = Config::load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.file, None);
    assert!(loaded.warnings.is_empty() && loaded.places.is_empty());
    let address: Vec<_> = loaded
        .config
        .listen
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(address, ["tcp://127.0.0.1:7328"]);
}

#[test]
fn flags_come_before_the_environment_before_the_file_before_the_defaults() {
    let setup = Setup::new().file(
        "[limits]\nhead = 1000\nmessage = 1000\nfragments = 1000\n[topics]\npolicy = \"latest\"\n",
    );
    let setup = setup
        .variable("FANTAIL_LIMITS_MESSAGE", "2000")
        .variable("FANTAIL_LIMITS_FRAGMENTS", "2000")
        .flag("limits.fragments", "3000");
    let limits = setup.config().limits;
    assert_eq!(limits.head, 1000);
    assert_eq!(limits.message, 2000);
    assert_eq!(limits.fragments, 3000);
    assert_eq!(limits.headers, 64);
    let loaded = Config::load(&setup.sources).unwrap();
    let place = |key| loaded.places.get(key).unwrap().to_string();
    assert!(place("limits.head").ends_with("fantail.toml:2:1"));
    assert_eq!(
        place("limits.message"),
        "environment: FANTAIL_LIMITS_MESSAGE"
    );
    assert_eq!(place("limits.fragments"), "command line: limits.fragments");
    assert_eq!(loaded.file, setup.sources.config_path);
}

#[test]
fn every_section_is_read() {
    let setup = Setup::new().file(
        r#"
            [[listen]]
            address = "tcp://[::]:80"
            domain = "ws1.example.com"

            [[listen]]
            address = "unix:///run/x.sock"
            serve = ["topics", "echo"]
            mode = "0600"

            [control]
            listen = ["unix:///run/control.sock", "tcp://0.0.0.0:8098"]
            secret = "hunter4"
            exposed = true
            idle = "1s"

            [http]
            trusted_proxies = ["10.0.0.0/8"]

            [topics]
            secret = "hunter2"
            audience = "https://ws1.example.com"
            stats = "open"
            origins = ["https://A.example"]
            message = "3MiB"
            ping_after = "1m 30s"

            [topics.policies]
            "/camera" = "latest"

            [drc]
            whitelist = { "10.0.0.0/8" = ["reports", "chat"] }
            origins = ["https://A.example"]

            [drc.tokens]
            hunter5 = true

            [wson]
            secret = "hunter3"
            origins = ["loopback", "https://B.example:443", "*"]
            digest = "hmac-sha256"
            on_message = "broadcast"
            connections_per_user = 7

            [log]
            level = "debug"
            format = "json"
        "#,
    );
    let config = setup.config();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.listen[1].mode, 0o600);
    assert_eq!(config.http.trusted_proxies.len(), 1);
    assert_eq!(config.topics.secret, Secret::new("hunter2"));
    assert_eq!(config.topics.statistics, StatisticsAccess::Open);
    assert_eq!(config.topics.origins, ["https://a.example"]);
    assert_eq!(config.topics.policies[0].prefix, "/camera");
    assert_eq!(config.limits.topics_message, 3 << 20);
    assert_eq!(config.limits.topics_ping_after, Duration::from_secs(90));
    assert_eq!(config.log.level, LevelFilter::Debug);
    assert_eq!(config.log.format, Format::Json);
    let addresses: Vec<_> = config
        .control
        .listen
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        ["unix:///run/control.sock", "tcp://0.0.0.0:8098"]
    );
    assert_eq!(config.control.secret, Secret::new("hunter4"));
    assert!(config.control.exposed && !config.control.is_default);
    assert_eq!(config.limits.control_idle, Duration::from_secs(1));
    assert_eq!(config.drc.whitelist.len(), 1);
    let client = |text: &str| Some(text.parse().unwrap());
    assert!(config.drc.trusts_address(client("10.1.2.3"), "chat"));
    assert!(!config.drc.trusts_address(client("10.1.2.3"), "other"));
    assert!(!config.drc.trusts_address(client("127.0.0.1"), "chat"));
    assert!(config.drc.trusts_token("hunter5", "any"));
    assert_eq!(
        config.drc.origins,
        [Origin::Exact("https://a.example".to_owned())]
    );
    assert_eq!(config.wson.secret, Secret::new("hunter3"));
    assert_eq!(
        config.wson.origins,
        [
            Origin::Loopback,
            Origin::Exact("https://b.example".to_owned()),
            Origin::Any
        ]
    );
    assert_eq!(config.wson.digest, DigestKind::HmacSha256);
    assert_eq!(config.wson.on_message, OnMessage::Broadcast);
    assert_eq!(config.limits.wson_connections_per_user, 7);
}

#[test]
fn every_kind_of_value_can_be_a_variable() {
    let setup = Setup::new()
        .variable("FANTAIL_LISTEN", "tcp://127.0.0.1:0=topics+echo")
        .variable("FANTAIL_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
        .variable("FANTAIL_TOPICS_SECRET", "hunter2")
        .variable("FANTAIL_TOPICS_ORIGINS", "")
        .variable("FANTAIL_TOPICS_POLICIES", r#"{ "/a" = "close" }"#)
        .variable(
            "FANTAIL_CONTROL_LISTEN",
            "unix:///a.sock, tcp://10.0.0.1:8098",
        )
        .variable("FANTAIL_CONTROL_EXPOSED", "true")
        .variable("FANTAIL_CONTROL_SECRET", "hunter4")
        .variable("FANTAIL_DRC_WHITELIST", r#"{ "::1" = true }"#)
        .variable("FANTAIL_DRC_TOKENS", r#"{ "hunter5" = ["a"] }"#)
        .variable("FANTAIL_DRC_ORIGINS", "loopback,https://a.example")
        .variable("FANTAIL_WSON_ORIGINS", "*")
        .variable("FANTAIL_WSON_DIGEST", "hmac-sha256")
        .variable("FANTAIL_LIMITS_FRAGMENTS", "70000")
        .variable("FANTAIL_LIMITS_DRAIN", "1s")
        .variable("FANTAIL_LOG_LEVEL", "warn")
        .variable("FANTAIL_TOKEN", "for the clients")
        .variable("OTHER", "x");
    let config = setup.config();
    assert_eq!(config.listen[0].serve, [Service::Topics, Service::Echo]);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.topics.secret, Secret::new("hunter2"));
    assert!(config.topics.origins.is_empty());
    assert_eq!(config.topics.policies.len(), 1);
    assert_eq!(config.control.listen.len(), 2);
    assert!(config.control.exposed);
    assert_eq!(config.drc.whitelist[0].0.to_string(), "::1/128");
    assert!(config.drc.trusts_token("hunter5", "a"));
    assert_eq!(config.drc.origins.len(), 2);
    assert_eq!(config.wson.origins, [Origin::Any]);
    assert_eq!(config.wson.digest, DigestKind::HmacSha256);
    assert_eq!(config.limits.fragments, 70_000);
    assert_eq!(config.limits.drain, Duration::from_secs(1));
    assert_eq!(config.log.level, LevelFilter::Warn);
}

#[test]
fn listeners_on_the_command_line_add_up_and_replace_those_of_the_file() {
    let setup = Setup::new()
        .file("[[listen]]\naddress = \"tcp://127.0.0.1:1\"\n")
        .flag("listen", "tcp://127.0.0.1:2")
        .flag("listen", r#"[{ address = "unix:///a,b.sock" }]"#)
        .flag("log.level", "debug")
        .flag("log.level", "off");
    let config = setup.config();
    let addresses: Vec<_> = config
        .listen
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(addresses, ["tcp://127.0.0.1:2", "unix:///a,b.sock"]);
    assert_eq!(config.log.level, LevelFilter::Off);
}

#[test]
fn wrong_files_are_explained_with_line_and_column() {
    for (text, expected) in [
        (
            "limts.message = 1\n",
            vec![
                r#"fantail.toml:1:1: unknown key "limts.message"; did you mean "limits.message"?"#,
            ],
        ),
        (
            "\n[limts]\nmessage = 1\nhead = 2\n",
            vec![r#"fantail.toml:2:2: unknown section "limts"; did you mean "limits"?"#],
        ),
        (
            "[limits]\n  mesage = 1\n\n[dcr]\n",
            vec![
                r#"fantail.toml:2:3: unknown key "limits.mesage"; did you mean "limits.message"?"#,
                r#"fantail.toml:4:2: unknown section "dcr"; did you mean "drc"?"#,
            ],
        ),
        (
            "[limits]\nstats = \"off\"\n",
            vec![r#"fantail.toml:2:1: unknown key "limits.stats"; did you mean "topics.stats"?"#],
        ),
        (
            "stats = \"off\"\n",
            vec![r#"fantail.toml:1:1: unknown key "stats"; did you mean "topics.stats"?"#],
        ),
        (
            "limits = 3\n",
            vec!["fantail.toml:1:1: limits: expected a section with keys, not a number"],
        ),
        (
            "[limits]\nmessage = \"1 MiBi\"\nfragments = \"7\"\ndrain = 3\nhead = true\n",
            vec![
                r#"fantail.toml:2:11: limits.message: expected a size such as 4096, 64KiB or 1MiB, not "1 MiBi""#,
                "fantail.toml:3:13: limits.fragments: expected a whole number without quotes, not a text",
                r#"fantail.toml:4:9: limits.drain: expected a time with its unit, such as "10s", not a number"#,
                r#"fantail.toml:5:8: limits.head: expected a size such as 4096 or "64KiB", not true or false"#,
            ],
        ),
        (
            "[[listen]]\naddress = \"tcp://127.0.0.1:1\"\n\n[[listen]]\nadress = \"x\"\n",
            vec![
                r#"fantail.toml:5:1: listen: unknown key "adress"; did you mean "address"?"#,
                "fantail.toml:4:1: listen: this listener has no address",
            ],
        ),
        (
            "[http]\ntrusted_proxies = [\n  \"::1\",\n  \"10.0.0.0/40\",\n]\n",
            vec![
                r#"fantail.toml:4:3: http.trusted_proxies: expected an address or a network such as 10.0.0.0/8 or ::1, not "10.0.0.0/40""#,
            ],
        ),
        (
            "[log]\nlevel = \"inf\"\n",
            vec![
                r#"fantail.toml:2:9: log.level: expected one of off, error, warn, info, debug, trace, not "inf"; did you mean "info"?"#,
            ],
        ),
        (
            "[control]\nlisten = [\"tcp://127.0.0.1:8098\"]\n",
            vec!["fantail.toml:2:1: control.listen: tcp://127.0.0.1:8098 needs control.secret"],
        ),
        (
            "[control]\nlisten = [\"tcp://10.0.0.1:8098\"]\nsecret = \"x\"\n",
            vec![
                "fantail.toml:2:1: control.listen: other machines can reach tcp://10.0.0.1:8098; if they shall, set control.exposed = true",
            ],
        ),
        (
            "[control]\nexposed = \"true\"\nlisten = \"default\"\n",
            vec![
                "fantail.toml:2:11: control.exposed: expected true or false without quotes, not a text",
                "fantail.toml:3:10: control.listen: expected a list of addresses, not a text",
            ],
        ),
        (
            "[wson]\norigins = [\"localhost\"]\ndigest = \"sha256\"\n",
            vec![
                r#"fantail.toml:2:12: wson.origins: expected an origin such as https://www.example.com (no path, no final slash) or "*" or "loopback", not "localhost""#,
                r#"fantail.toml:3:10: wson.digest: expected one of md5, hmac-sha256, not "sha256""#,
            ],
        ),
        (
            "[topics]\nsecret = 5\n",
            vec!["fantail.toml:2:10: topics.secret: expected a secret in quotes, not a number"],
        ),
        (
            "[topics]\nsecret = \"a\"\nsecret_file = \"b\"\n",
            vec![
                "fantail.toml:3:1: both topics.secret and topics.secret_file are given; only one of them can count",
            ],
        ),
        (
            "[limits]\nheaders = 65\nmessage = 0\n",
            vec![
                "fantail.toml:3:1: limits.message: expected more than 0",
                "fantail.toml:2:1: limits.headers: expected at most 64, not 65",
            ],
        ),
        (
            "[limits]\noutput = 1000\n",
            vec!["fantail.toml:2:1: limits.output_soft (256KiB) is more than limits.output (1000)"],
        ),
    ] {
        assert_eq!(Setup::new().file(text).errors(), expected, "{text}");
    }
}

#[test]
fn what_is_not_toml_is_explained_with_line_and_column() {
    for (text, beginning) in [
        ("[limits]\nhead = \n", "fantail.toml:2:8: "),
        ("[limits\n", "fantail.toml:1:8: "),
        ("[limits]\nhead = 1\nhead = 2\n", "fantail.toml:3:1: "),
    ] {
        let errors = Setup::new().file(text).errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(beginning), "{errors:?}");
        assert!(errors[0].len() > beginning.len(), "{errors:?}");
    }
    assert_eq!(
        Setup::new().file(b"a = \"\xff\"").errors(),
        [r#"command line: --config: "fantail.toml" is not UTF-8 at byte 5"#]
    );
}

#[test]
fn wrong_variables_are_explained() {
    let setup = Setup::new()
        .variable("FANTAIL_LIMTS_MESSAGE", "1")
        .variable("FANTAIL_LOG", "debug")
        .variable("FANTAIL_LIMITS_HEAD", "")
        .variable("FANTAIL_LIMITS_FRAGMENTS", "many")
        .variable("FANTAIL_LISTEN", "tcp://127.0.0.1:1=topcs")
        .variable("FANTAIL_TOPICS_POLICIES", "/video=drop-old")
        .variable("FANTAIL_TOPICS_AUDIENCE", OsString::from_vec(vec![0xff]));
    let errors = setup.errors();
    for (error, (beginning, end)) in errors.iter().zip([
        (
            "environment: FANTAIL_LIMITS_FRAGMENTS: limits.fragments: expected a whole number, not \"many\"",
            "",
        ),
        (
            "environment: FANTAIL_LIMITS_HEAD: limits.head: expected a size such as",
            "not \"\"",
        ),
        (
            "environment: FANTAIL_LIMTS_MESSAGE: no key has this variable",
            "did you mean FANTAIL_LIMITS_MESSAGE?",
        ),
        (
            "environment: FANTAIL_LISTEN: listen: expected one of topics, drc, dsock, message-broker, wson, echo",
            "did you mean \"topics\"?",
        ),
        ("environment: FANTAIL_LOG: no key has this variable", ""),
        (
            "environment: FANTAIL_TOPICS_AUDIENCE: the value is not UTF-8",
            "",
        ),
        (
            "environment: FANTAIL_TOPICS_POLICIES: topics.policies: expected a value as in the file (TOML)",
            "",
        ),
    ]) {
        assert!(error.starts_with(beginning), "{error}");
        assert!(error.ends_with(end), "{error}");
    }
    assert_eq!(errors.len(), 7, "{errors:?}");
}

#[test]
fn wrong_flags_are_explained() {
    let setup = Setup::new()
        .flag("limts.message", "1")
        .flag("topics.secret", "hunter2")
        .flag("limits.drain", "soon");
    let errors = setup.errors();
    assert_eq!(
        errors,
        [
            r#"command line: limts.message: unknown key "limts.message"; did you mean "limits.message"?"#,
            "command line: topics.secret: secrets are not taken from the command line, where other users see them; give a file with topics.secret_file, or FANTAIL_TOPICS_SECRET",
            r#"command line: limits.drain: expected a time such as 500ms, 10s or 2m, not "soon""#,
        ]
    );
}

#[test]
fn all_sources_are_complained_about_at_once() {
    let setup = Setup::new()
        .file("a = 1\n")
        .variable("FANTAIL_B", "1")
        .flag("c", "1");
    assert_eq!(setup.errors().len(), 3);
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let setup = Setup::new();
    let path = setup.write("secret", "hunter2\n");
    let path = path.to_str().unwrap().to_owned();
    let hunter2 = Secret::new("hunter2");
    let by_variable = Setup::new().variable("FANTAIL_TOPICS_SECRET_FILE", &path);
    assert_eq!(by_variable.config().topics.secret, hunter2);
    let by_flag = Setup::new()
        .variable("FANTAIL_TOPICS_SECRET", "below")
        .flag("topics.secret_file", &path);
    assert_eq!(by_flag.config().topics.secret, hunter2);
    let beside = setup.file("[topics]\nsecret_file = \"secret\"\n");
    assert_eq!(beside.config().topics.secret, hunter2);
}

#[test]
fn a_secret_file_without_a_secret_is_an_error_and_secrets_are_not_repeated() {
    let setup = Setup::new();
    for (name, bytes, part) in [
        ("empty", b"\n".to_vec(), "is empty, a secret was expected"),
        ("binary", vec![0xff], "is not UTF-8"),
        ("long", vec![b'x'; 65_537], "is longer than 65536 bytes"),
    ] {
        let path = setup.write(name, bytes);
        let errors = Setup::new()
            .variable("FANTAIL_TOPICS_SECRET_FILE", path)
            .errors();
        assert!(errors[0].contains(part), "{errors:?}");
        assert!(!errors[0].contains("xxx"), "{errors:?}");
    }
    let errors = Setup::new()
        .variable("FANTAIL_TOPICS_SECRET_FILE", "/nonexistent/secret")
        .variable("FANTAIL_TOPICS_SECRET", "hunter2")
        .errors();
    assert!(errors[0].contains("both topics.secret and"), "{errors:?}");
    assert!(!errors.concat().contains("hunter2"));
    let errors = Setup::new()
        .variable("FANTAIL_TOPICS_SECRET_FILE", "/nonexistent/secret")
        .errors();
    assert!(errors[0].contains("cannot read \"/nonexistent/secret\""));
}

#[test]
fn tokens_of_drc_can_stand_in_a_file_and_are_never_repeated() {
    for text in [
        "hunter2 = true\n\"a b\" = [\"x\"]\n",
        "{ hunter2 = true, \"a b\" = [\"x\"] }\n",
    ] {
        let setup = Setup::new();
        setup.write("tokens", text);
        let setup = setup.file("[drc]\ntokens_file = \"tokens\"\n");
        let tokens = setup.config().drc.tokens;
        let names: Vec<_> = tokens.iter().map(|(token, _)| token.clone()).collect();
        assert_eq!(
            names,
            [Secret::new("hunter2"), Secret::new("a b")],
            "{text}"
        );
    }
    for (text, part) in [
        ("hunter2", "line 1: "),
        (
            "a = true\nhunter2 = true\nhunter2 = true\n",
            "line 3: duplicate key",
        ),
        ("{ hunter2 = tru }", "drc.tokens_file: "),
        ("hunter2 = 1", "drc.tokens: token 1: expected true"),
        ("\n", "is empty"),
    ] {
        let setup = Setup::new();
        setup.write("tokens", text);
        let errors = setup.file("[drc]\ntokens_file = \"tokens\"\n").errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with("fantail.toml:2:1: drc.tokens"),
            "{errors:?}"
        );
        assert!(errors[0].contains(part), "{errors:?}");
        assert!(!errors[0].contains("hunter"), "{errors:?}");
    }
    for setup in [
        Setup::new().file("[drc.tokens]\nhunter2 = true\nhunter2 = true\n"),
        Setup::new().file("[drc.tokens.hunter2]\na = true\n"),
        Setup::new().file("[drc]\ntokens = { hunter2 = true\nb = 1 }\n"),
        Setup::new().file("[drc]\ntokens = { \"hunter2 = true }\n"),
        Setup::new().variable("FANTAIL_DRC_TOKENS", "hunter2"),
        Setup::new().variable("FANTAIL_DRC_TOKENS", "{ hunter2 }"),
        Setup::new().variable("FANTAIL_DRC_TOKENS", "{ hunter2 = 1, hunter2 = 2 }"),
        Setup::new().flag("drc.tokens", "{ hunter2 = true }"),
    ] {
        let errors = setup.errors().concat();
        assert!(!errors.contains("hunter"), "{errors}");
    }
}

#[test]
fn crossbar_variables_count_below_our_own() {
    let setup = Setup::new()
        .file("[topics]\naudience = \"file\"\n")
        .variable("CROSSBAR_LISTEN", ":8080")
        .variable("CROSSBAR_SECRET", "old")
        .variable("CROSSBAR_AUDIENCE", "old")
        .variable("CROSSBAR_OTHER", "x");
    let loaded = Config::load(&setup.sources).unwrap();
    let listener = &loaded.config.listen[0];
    assert_eq!(listener.address.to_string(), "tcp://[::]:8080");
    assert_eq!(listener.serve, [Service::Topics]);
    assert_eq!(loaded.config.topics.secret, Secret::new("old"));
    assert_eq!(loaded.config.topics.audience, "old");
    assert_eq!(
        loaded.warnings,
        ["environment: CROSSBAR_OTHER: this variable is not read"]
    );
    let setup = setup
        .variable("FANTAIL_TOPICS_SECRET", "new")
        .variable("FANTAIL_LISTEN", "tcp://127.0.0.1:1");
    assert_eq!(setup.config().topics.secret, Secret::new("new"));
    assert_eq!(
        setup.config().listen[0].address.to_string(),
        "tcp://127.0.0.1:1"
    );
    let errors = Setup::new().variable("CROSSBAR_LISTEN", "x").errors();
    assert!(errors[0].starts_with("environment: CROSSBAR_LISTEN: expected an address such as"));
}

#[test]
fn the_file_is_found_by_flag_then_variable_then_search() {
    let setup = Setup::new();
    let named = setup.write("named.toml", "[log]\nlevel = \"error\"\n");
    let first = setup.write("first.toml", "[log]\nlevel = \"warn\"\n");
    let absent = setup.directory.path().join("absent.toml");
    let mut sources = Sources {
        search: vec![absent.clone(), first.clone(), named.clone()],
        ..Sources::default()
    };
    let level = |sources: &Sources| Config::load(sources).unwrap().config.log.level;
    assert_eq!(level(&sources), LevelFilter::Warn);
    sources
        .environment
        .push(("FANTAIL_CONFIG".into(), named.into()));
    assert_eq!(level(&sources), LevelFilter::Error);
    sources.config_path = Some(first);
    assert_eq!(level(&sources), LevelFilter::Warn);
    sources.config_path = Some(absent);
    let errors = Config::load(&sources).unwrap_err().to_string();
    assert!(
        errors.starts_with("command line: --config: cannot read"),
        "{errors}"
    );
}

#[test]
fn probable_mistakes_are_warned_about() {
    let warnings = |setup: Setup| Config::load(&setup.sources).unwrap().warnings;
    assert_eq!(
        warnings(Setup::new().variable("FANTAIL_TOPICS_SECRET", "")),
        ["environment: FANTAIL_TOPICS_SECRET: the variable is empty, so topics.secret is not set"]
    );
    assert_eq!(
        warnings(Setup::new().variable("FANTAIL_TOPICS_AUDIENCE", "a")),
        ["topics.audience has no effect without topics.secret"]
    );
    assert_eq!(
        warnings(Setup::new().variable("FANTAIL_CONTROL_SECRET", "a")),
        ["control.secret has no effect without a tcp:// address in control.listen"]
    );
}

#[test]
fn the_port_of_a_container_counts_where_nothing_else_says_where_to_listen() {
    let address = |setup: Setup| setup.config().listen[0].address.to_string();
    let own = Listen::default().address.to_string();
    let with_port = |port: &str| Setup::new().variable("PORT", port);
    assert_eq!(address(with_port("8080")), "tcp://0.0.0.0:8080");
    assert_eq!(
        with_port("8080").config().listen[0].serve,
        Listen::default().serve
    );
    for other in ["", "0", "x", "65536", "tcp://10.0.0.1:80"] {
        assert_eq!(address(with_port(other)), own, "{other}");
    }
    let loaded = Config::load(&with_port("x").sources).unwrap();
    assert_eq!(
        loaded.warnings,
        ["environment: PORT: this is no port, and is not read"]
    );
    let listen = "tcp://127.0.0.1:9000";
    let file = with_port("1").file(format!("listen = [{{ address = \"{listen}\" }}]"));
    for setup in [
        file,
        with_port("1").variable("FANTAIL_LISTEN", listen),
        with_port("1").variable("CROSSBAR_LISTEN", "127.0.0.1:9000"),
        with_port("1").flag("listen", listen),
    ] {
        assert_eq!(address(setup), listen);
    }
}

#[test]
fn dsock_is_configured() {
    let config = Setup::new()
        .file("[dsock]\ntoken = \"t\"\ndefault_channels = [\"a,b\", \"\", \"a\"]\ncompression = false\n")
        .variable("FANTAIL_DSOCK_JWT_SECRET", "s")
        .variable("FANTAIL_DSOCK_API_VERSION", "0.2")
        .config();
    let expected = DsockSettings {
        token: Secret::new("t"),
        jwt_secret: Secret::new("s"),
        default_channels: vec!["a".into(), "b".into()],
        api_version: ApiVersion::V0_2,
        compression: false,
    };
    assert_eq!(config.dsock, expected);
    let defaults = Config::default();
    assert!(defaults.dsock.compression && !defaults.topics.compression);
    let errors = Setup::new()
        .file("[dsock]\napi_version = \"0.3\"\n")
        .errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
}
