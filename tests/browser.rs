//! The statistics page, and WebSockets of a page, in a real Chromium.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use support::{Frame, Opcode, RawClient, Server, require, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(90);

/// What a User-Agent can say that must not become a part of the page.
const HOSTILE_AGENT: &str = r#"<img src=x onerror="document.title='taken'">"#;

/// The programs of a browser test.
struct Browser {
    node: PathBuf,
    chromium: PathBuf,
}

impl Browser {
    fn find() -> Option<Self> {
        require("playwright-core")?;
        Some(Self {
            node: require("node")?,
            chromium: require("chromium")?,
        })
    }

    /// Runs one of the scripts in `tests/browser`, which assert for themselves.
    #[track_caller]
    fn run_script(&self, name: &str, arguments: &[&str]) {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        run_within(
            TIME_LIMIT,
            Command::new(&self.node)
                .arg(scripts.join(name))
                .arg(&self.chromium)
                .args(arguments),
        )
        .expect_success();
    }
}

/// Repeats `work` in a thread of its own for as long as `meanwhile` runs, also if that panics.
fn while_running(mut work: impl FnMut() + Send, meanwhile: impl FnOnce()) {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stopped);
        let running = &stopped;
        scope.spawn(move || {
            while !running.load(Ordering::Relaxed) {
                work();
            }
        });
        meanwhile();
    });
}

#[test]
fn the_statistics_page_shows_the_clients_and_updates_itself() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let server = Server::start(&[]);
    let address = server.address();
    let mut camera = RawClient::upgrade(address, "/in/camera");
    let mut chatter = RawClient::upgrade(address, "/chat");
    let mut receivers: Vec<RawClient> = ["/out/camera", "/out/camera", "/chat"]
        .iter()
        .map(|topic| RawClient::upgrade(address, topic))
        .collect();
    let headers = [
        ("User-Agent", HOSTILE_AGENT),
        ("X-Forwarded-For", "203.0.113.7"),
    ];
    let _hostile = RawClient::upgrade_with(address, "/hostile", &headers);

    let mut send_and_receive = move || {
        camera.send_binary(&[0; 1024]);
        chatter.send_text("good morning");
        for receiver in &mut receivers {
            receiver.receive_frame();
        }
        thread::sleep(Duration::from_millis(40));
    };
    // So that a mean time between messages is known when the page looks first.
    for _ in 0..3 {
        send_and_receive();
    }

    let screenshots = screenshot_directory();
    let url = server.http_url("/stats");
    while_running(send_and_receive, || {
        browser.run_script("statistics.mjs", &[&url, &screenshots.to_string_lossy()]);
    });
    for name in ["desktop-light", "desktop-dark", "phone"] {
        let path = screenshots.join(name).with_extension("png");
        assert!(path.is_file(), "{}", path.display());
    }
}

/// Beside the builds, where somebody who looks for them finds them.
fn screenshot_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots")
}

#[test]
fn the_statistics_page_of_an_unused_server_says_how_to_try_it() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let server = Server::start(&[]);
    let pid = server.pid().to_string();
    browser.run_script("empty_statistics.mjs", &[&server.http_url("/stats"), &pid]);
}

#[test]
fn a_page_of_another_origin_exchanges_messages() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let server = Server::start(&[]);
    let mut partner = RawClient::upgrade(server.address(), "/browser");
    let answer = move || {
        let Some(frame) = partner.receive_frame_within(Duration::from_millis(100)) else {
            return;
        };
        assert!(matches!(frame.opcode, Opcode::TEXT | Opcode::BINARY));
        let mut payload = b"re: ".to_vec();
        payload.extend_from_slice(&frame.payload);
        partner.send_frame(&Frame::new(frame.opcode, payload));
    };
    while_running(answer, || {
        browser.run_script("topic.mjs", &[&server.address().to_string()]);
    });
}
