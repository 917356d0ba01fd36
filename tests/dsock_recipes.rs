//! The recipes of docs/dsock.md: each command with curl, against the real server, succeeds, is
//! answered as documented and does what the text beside it says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use serde_json::{Map, Value};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{Outcome, RawClient, Server, free_address, require, root, run_within};

const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The address and the token that the text has.
const ADDRESS: &str = "127.0.0.1:6241";
const TOKEN: &str = "abc123";

const PICTURE: &[u8] = b"\x00\xff\xfe no text \r\n\x80";

/// What the recipes need beside what the text says.
const CURL: &str = "curl() { command curl --silent --show-error --fail --max-time 5 \"$@\"; }\n";

/// A block of the text, set off by fences.
struct Block {
    language: String,
    text: String,
}

fn document() -> String {
    fs::read_to_string(root().join("docs/dsock.md")).expect("it is there")
}

fn blocks(document: &str) -> Vec<Block> {
    let parts: Vec<&str> = document.split("```").collect();
    assert_eq!(parts.len() % 2, 1, "each block ends");
    let fenced = parts.iter().skip(1).step_by(2);
    fenced
        .map(|part| {
            let (language, text) = part.split_once('\n').expect("a block has lines");
            Block {
                language: language.to_owned(),
                text: text.to_owned(),
            }
        })
        .collect()
}

fn has_curl(block: &Block) -> bool {
    block.language == "sh" && block.text.contains("curl ")
}

fn starts_fantail(block: &Block) -> bool {
    block.text.contains("fantail --listen")
}

/// A command, and the answer that the text shows for it.
struct Recipe {
    command: String,
    answer: Option<Value>,
}

/// Those in blocks, line by line, and those within sentences.
fn recipes(document: &str) -> Vec<Recipe> {
    let blocks = blocks(document);
    let mut recipes = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        if !has_curl(block) || starts_fantail(block) {
            continue;
        }
        let next = blocks.get(number + 1);
        let json = next.filter(|next| next.language == "json" && follows(document, block, next));
        let answer = json.map(|json| serde_json::from_str(&json.text).expect("it is JSON"));
        let lines = block.text.lines().map(|command| Recipe {
            command: command.to_owned(),
            answer: answer.clone(),
        });
        recipes.extend(lines);
    }
    let sentences = document.split("```").step_by(2);
    let spans = sentences.flat_map(|text| text.split('`').skip(1).step_by(2));
    let commands = spans.filter(|span| span.starts_with("curl "));
    recipes.extend(commands.map(|command| Recipe {
        command: command.to_owned(),
        answer: None,
    }));
    recipes
}

/// Whether nothing stands between the two.
fn follows(document: &str, block: &Block, next: &Block) -> bool {
    let both = format!("{}```\n\n```{}\n{}", block.text, next.language, next.text);
    document.contains(&both)
}

/// The lines that the recipes have at their beginning, for another address.
fn beginning(document: &str, server: &Server) -> String {
    let mut blocks = blocks(document).into_iter();
    let block = blocks.find(|block| block.text.starts_with("at="));
    let text = block.expect("it is there").text;
    assert!(text.contains(ADDRESS) && text.contains(TOKEN), "{text}");
    text.replace(ADDRESS, &server.address().to_string())
}

/// A server with a client and a claim of user 1.
struct World {
    // Gone before the server, which would wait for its answer to a close.
    client: RawClient,
    server: Server,
}

impl World {
    fn start(channels: &str) -> Self {
        let server = Server::start(&[
            ("FANTAIL_LISTEN", "tcp://127.0.0.1:0=dsock"),
            ("FANTAIL_DSOCK_TOKEN", TOKEN),
            ("FANTAIL_DSOCK_DEFAULT_CHANNELS", "global"),
        ]);
        fs::write(server.directory().join("picture.jpg"), PICTURE).expect("it can be written");
        let claim = |more: &str| {
            let target = format!("/claim?user=1&channels={channels}{more}");
            call(&server, "POST", &target);
        };
        claim("&id=first&session=laptop");
        let client = RawClient::upgrade(server.address(), "/connect?claim=first");
        claim("&id=second");
        Self { client, server }
    }

    fn run(&self, script: &str) -> Outcome {
        let mut command = Command::new("sh");
        command.args(["-euc", script]);
        run_within(TIME_LIMIT, command.current_dir(self.server.directory()))
    }

    /// The channels of the client, and those of the claim.
    fn channels(&self) -> (Value, Value) {
        let info = call(&self.server, "GET", "/info?user=1");
        let of = |what: &str| info[what][0]["channels"].clone();
        (of("connections"), of("claims"))
    }
}

#[track_caller]
fn call(server: &Server, method: &str, target: &str) -> Value {
    let mut client = RawClient::connect(server.address());
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    client.send(head.as_bytes());
    let response = client.receive_response();
    assert_eq!(response.status, 200, "{target}: {}", response.text());
    serde_json::from_slice(&response.body).expect("it is JSON")
}

/// JSON without its values: the members that there are, and of which types.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let shapes = members
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(shapes.collect::<Map<_, _>>())
        }
        Value::Array(elements) => Value::Array(elements.first().map(shape).into_iter().collect()),
        Value::String(_) => Value::from("a string"),
        Value::Number(_) => Value::from("a number"),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// A part of a recipe, the channels of those who are there, and what it has to do.
type Effect = (&'static str, &'static str, fn(&mut World, &Value));

const EFFECTS: [Effect; 8] = [
    ("/claim?", "news", |world, answer| {
        let id = answer["claim"]["id"].as_str().expect("it has an id");
        RawClient::upgrade(world.server.address(), &format!("/connect?claim={id}")).synchronise();
    }),
    ("/send?user=1", "news", |world, _| {
        assert_eq!(world.client.receive_text(), "hello");
    }),
    ("/send?channel=camera", "camera", |world, _| {
        assert_eq!(world.client.receive_binary(), PICTURE);
    }),
    ("/disconnect?", "news", |world, _| {
        assert_eq!(world.client.receive_close(), 1000);
        let left = call(&world.server, "GET", "/info?user=1&session=laptop");
        assert_eq!(left["connections"], Value::Array(Vec::new()));
    }),
    ("/info?", "news", |_, answer| {
        assert_eq!(answer["connections"][0]["session"], "laptop");
        assert_eq!(answer["claims"][0]["id"], "second");
    }),
    ("/channel/subscribe/", "news", |world, _| {
        let (connection, claim) = world.channels();
        assert_eq!(connection, serde_json::json!(["news", "global", "sport"]));
        assert_eq!(claim, serde_json::json!(["news", "sport"]));
    }),
    ("/channel/unsubscribe/", "news,sport", |world, _| {
        let (connection, claim) = world.channels();
        assert_eq!(connection, serde_json::json!(["news", "global"]));
        assert_eq!(claim, serde_json::json!(["news", "sport"]));
    }),
    ("/ping", "news", |_, answer| assert_eq!(answer, "pong")),
];

#[test]
fn every_recipe_does_what_the_text_says() {
    if require("curl").is_none() {
        return;
    }
    let document = document();
    let mut missing: Vec<&str> = EFFECTS.iter().map(|(part, ..)| *part).collect();
    for Recipe { command, answer } in recipes(&document) {
        let found = EFFECTS.iter().find(|(part, ..)| command.contains(part));
        let (part, channels, check) = found.unwrap_or_else(|| panic!("unknown: {command}"));
        missing.retain(|other| other != part);

        let mut world = World::start(channels);
        let script = format!("{}{CURL}{command}", beginning(&document, &world.server));
        let outcome = world.run(&script);
        outcome.expect_success();
        let text = outcome.stdout;
        let given: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
        assert!(
            given["success"] == true || given == "pong",
            "{command}: {given}"
        );
        if let Some(answer) = answer {
            assert_eq!(shape(&given), shape(&answer), "{command}: {given}");
        }
        check(&mut world, &given);
    }
    assert_eq!(missing, [""; 0], "the text has no recipe for these");
}

/// The block under "Try it" with another port, waiting where people take their time.
#[test]
fn what_one_is_told_to_try_works() {
    if require("curl").is_none() {
        return;
    }
    let document = document();
    let found = blocks(&document)
        .into_iter()
        .find(|block| has_curl(block) && starts_fantail(block));
    let address = free_address().to_string();
    let text = found.expect("it is there").text.replace(ADDRESS, &address);
    let mut script = format!("trap 'kill $(jobs -p)' EXIT\n{CURL}");
    for line in text.lines() {
        script += &format!("{line}\n");
        if line.starts_with("fantail --listen") {
            script += &wait_for(&format!("curl http://{address}/ping"));
        } else if line.starts_with("fantail sub") {
            let info = format!("curl 'http://{address}/info?token={TOKEN}&user=1'");
            script += &wait_for(&format!("{info} | grep worker"));
        }
    }
    script += &wait_for("grep 'hello, all' received");
    script = script.replace(")\" &", ")\" >received &");

    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    fs::write(directory.path().join("fantail.toml"), "").expect("it can be written");
    let binary = Path::new(env!("CARGO_BIN_EXE_fantail"));
    let place = binary.parent().expect("it is in a directory");
    let path = env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    command
        .args(["-euc", &script])
        .env_clear()
        .env("PATH", format!("{}:{path}", place.display()))
        .env("HOME", directory.path())
        .env("XDG_RUNTIME_DIR", directory.path())
        .env("FANTAIL_LIMITS_DRAIN", "0s")
        .current_dir(directory.path());
    run_within(TIME_LIMIT, &mut command).expect_success();
    let received = fs::read_to_string(directory.path().join("received")).expect("it is there");
    assert_eq!(received, "hello, 1\nhello, all\n");
}

/// Shell commands that repeat `condition` for ten seconds at most.
fn wait_for(condition: &str) -> String {
    format!(
        "for attempt in $(seq 200); do {condition} >answer 2>&1 && break; sleep 0.05; done; \
         {condition} >answer\n"
    )
}
