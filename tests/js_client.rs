//! The JavaScript client of DRC in Node and in a real Chromium, against the real server, behind a
//! real nginx that is configured as the documentation says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{Nginx, NodeScript, RawClient, Server, require, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(90);
const TOKEN: &str = "a token of the tests";

/// Nobody is an authority because of an address, and many may fail on purpose.
const SETTINGS: [(&str, &str); 4] = [
    ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc"),
    ("FANTAIL_DRC_WHITELIST", "{}"),
    (
        "FANTAIL_DRC_TOKENS",
        r#"{ "a token of the tests" = ["chat", "report"] }"#,
    ),
    ("FANTAIL_LIMITS_FAILED_LOGINS", "1000"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Node, with a WebSocket class of its own also before Node 22.
fn node(program: &Path, script: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--experimental-websocket")
        .arg(root().join(script));
    command
}

fn require_ws() -> Option<PathBuf> {
    require("ws")?;
    require("node")
}

/// Fantail, which can be ended and started again where it was.
struct Fantail {
    server: Option<Server>,
    address: SocketAddr,
}

impl Fantail {
    fn start() -> Self {
        let server = Server::start(&SETTINGS);
        Self {
            address: server.address(),
            server: Some(server),
        }
    }

    fn serve(&mut self, what: &str) {
        match what {
            "end fantail" => self.server = None,
            "start fantail" => {
                let listen = format!("tcp://{}=drc", self.address);
                let mut settings = SETTINGS;
                settings[0].1 = &listen;
                self.server = Some(Server::start(&settings));
            }
            _ => panic!("a script wants '{what}'"),
        }
    }
}

/// The blocks of nginx's configuration in docs/proxies.md: beside the server, and in it.
fn documented_blocks(upstream: SocketAddr) -> (String, String) {
    let text = fs::read_to_string(root().join("docs/proxies.md")).expect("it is there");
    let mut blocks = text.split("```nginx\n").skip(1).map(|rest| {
        let (block, _) = rest.split_once("```").expect("a block ends");
        block.replace("127.0.0.1:7328", &upstream.to_string())
    });
    let mut next = || blocks.next().expect("there are two blocks");
    (next(), next())
}

/// nginx in front of Fantail, with `server` beside what the documentation says.
fn documented_nginx(program: &Path, upstream: SocketAddr, server: &str) -> Nginx {
    let (http, location) = documented_blocks(upstream);
    Nginx::start(program, &http, &format!("{location}\n{server}"))
}

#[test]
fn its_parts_do_what_they_say() {
    let Some(program) = require("node") else {
        return;
    };
    let tests = root().join("clients/js/test");
    let mut files: Vec<_> = fs::read_dir(&tests)
        .expect("the tests are there")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", tests.display());
    let mut command = Command::new(program);
    command.args(["--test", "--test-reporter=spec"]).args(files);
    run_within(TIME_LIMIT, &mut command).expect_success();
}

#[test]
fn the_script_for_pages_is_what_the_modules_make() {
    let Some(program) = require("node") else {
        return;
    };
    let mut command = node(&program, "clients/js/build.mjs");
    run_within(TIME_LIMIT, command.arg("--check")).expect_success();
}

#[test]
fn its_types_fit_what_is_there_and_how_it_is_used() {
    let (Some(_), Some(program)) = (require("typescript"), require("node")) else {
        return;
    };
    let mut command = node(&program, "tests/browser/client_types.mjs");
    run_within(TIME_LIMIT, &mut command).expect_success();
}

#[test]
fn every_method_does_what_it_says() {
    let Some(program) = require_ws() else { return };
    let server = Server::start(&SETTINGS);
    let mut command = node(&program, "tests/browser/drc_methods.mjs");
    command.args([&server.url("/"), "http://127.0.0.1", TOKEN]);
    let outcome = run_within(TIME_LIMIT, &mut command);
    outcome.expect_success();
    assert!(outcome.stdout.ends_with("done\n"), "{outcome:#?}");
}

#[test]
fn pages_find_back_after_restarts_of_nginx_and_of_the_server() {
    let (Some(program), Some(proxy), Some(chromium), Some(_)) = (
        require("node"),
        require("nginx"),
        require("chromium"),
        require("playwright-core"),
    ) else {
        return;
    };
    let mut fantail = Fantail::start();
    let page = format!(
        "location = / {{
            default_type text/html;
            return 200 '<!doctype html><title>Test</title><link rel=\"icon\" href=\"data:,\">';
        }}
        location /dist/ {{ root {}/clients/js; }}",
        root().display()
    );
    let mut nginx = documented_nginx(&proxy, fantail.address, &page);
    let mut command = node(&program, "tests/browser/drc_restart.mjs");
    command.arg(chromium);
    command.args([&nginx.address().to_string(), TOKEN]);
    NodeScript::start(&mut command).serve(TIME_LIMIT, |what| match what {
        "restart nginx" => nginx.restart(),
        _ => fantail.serve(what),
    });
}

#[test]
fn the_example_tells_a_page_when_its_report_is_ready() {
    let (Some(program), Some(proxy), Some(chromium), Some(_)) = (
        require("node"),
        require("nginx"),
        require("chromium"),
        require("playwright-core"),
    ) else {
        return;
    };
    let mut fantail = Fantail::start();
    let mut command = node(&program, "clients/js/examples/report/server.mjs");
    command
        .env("PORT", "0")
        .env("FANTAIL_URL", format!("ws://{}/drc", fantail.address))
        .env("FANTAIL_PAGE_URL", "/drc")
        .env("FANTAIL_TOKEN", TOKEN)
        .env("REPORT_MS", "1500");
    let example = NodeScript::start(&mut command);
    let line = example.first_line(TIME_LIMIT);
    let (_, pages) = line.split_once(" on ").expect("it says where");

    let location = format!("location / {{ proxy_pass {pages}; }}");
    let nginx = documented_nginx(&proxy, fantail.address, &location);
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    let mut command = node(&program, "tests/browser/drc_report.mjs");
    command.arg(chromium).arg(nginx.address().to_string());
    command.arg(screenshots);
    NodeScript::start(&mut command).serve(TIME_LIMIT, |what| fantail.serve(what));
}

#[test]
fn behind_a_proxy_the_address_that_it_names_counts() {
    let (Some(program), Some(proxy)) = (require_ws(), require("nginx")) else {
        return;
    };
    let server = Server::start(&[
        ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=drc"),
        ("FANTAIL_DRC_WHITELIST", r#"{ "127.0.0.1" = true }"#),
    ]);
    let (_, right) = documented_blocks(server.address());
    let careless: String = right
        .replace("location /drc", "location /careless")
        .lines()
        .filter(|line| !line.contains("X-Forwarded-For"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_ne!(right.lines().count(), careless.lines().count());
    let nginx = documented_nginx(&proxy, server.address(), &careless);
    let mut command = node(&program, "tests/browser/drc_address.mjs");
    for path in ["drc", "careless"] {
        command.arg(format!("ws://{}/{path}", nginx.address()));
    }
    run_within(TIME_LIMIT, &mut command).expect_success();
}

/// What docs/proxies.md says goes wrong with a `proxy_read_timeout` below the time between pings.
#[test]
fn a_read_timeout_shorter_than_the_pings_cuts_off_who_is_silent() {
    let Some(proxy) = require("nginx") else {
        return;
    };
    let server = Server::start(&SETTINGS);
    let (http, location) = documented_blocks(server.address());
    for (timeout, is_cut_off) in [("1s", true), ("1h", false)] {
        let timeout = format!("proxy_read_timeout {timeout};");
        let location = location.replace("proxy_read_timeout 1h;", &timeout);
        assert!(location.contains(&timeout), "{location}");
        let nginx = Nginx::start(&proxy, &http, &location);
        let headers = [("Origin", "http://127.0.0.1")];
        let silent = RawClient::upgrade_with(nginx.address(), "/drc", &headers);
        let mut stream = silent.stream();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .expect("the time is not zero");
        let ended = matches!(stream.read(&mut [0]), Ok(0));
        assert_eq!(ended, is_cut_off, "with {timeout}");
    }
}
