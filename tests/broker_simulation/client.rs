//! A client: what it has sent, what is due to it, and what it reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use fantail::relay::conn_id::ConnId;
use fantail::relay::task::MessageId;
use serde_json::Value;
use serde_json::value::RawValue;

use super::driver::decoder::{Decoder, Output};
use super::driver::workers::ModelStore;
use super::model::{Expected, Model};
use super::rules::CHANNELS;
use super::wire::Pipe;

const CONNECT: &str = r#"{"command":"connect","#;
const CONFIRM: &str = r#"{"command":"confirm","#;
const KEPT: &str = r#"{"command":"send-message","#;

/// A live message that is due.
#[derive(Debug)]
pub(crate) struct DueLive {
    pub(crate) session: u64,
    pub(crate) payload: Rc<str>,
    pub(crate) elements: Vec<Rc<str>>,
    /// The store may have kept the server from sending it.
    pub(crate) excused: bool,
}

/// The receiving of a channel, from its command to the next other one.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) channel: usize,
    /// Nobody else has received the channel, and the store has not failed.
    pub(crate) in_order: bool,
    /// The arrival of the last element that was read.
    last: u64,
}

impl Session {
    pub(crate) fn new(channel: usize, in_order: bool) -> Self {
        Self {
            channel,
            in_order,
            last: 0,
        }
    }
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ConnId,
    /// Whether its password is right.
    pub(crate) welcome: bool,
    /// Whether it answers pings.
    pub(crate) answers: bool,
    /// Its number, once it was let in.
    pub(crate) number: Option<u64>,
    pub(crate) pipe: Pipe,
    /// It sends nothing more.
    pub(crate) silent: bool,
    /// When all is sent, so is the end of the input.
    pub(crate) ends_input: bool,
    /// It has done something that ends the connection.
    pub(crate) ending: bool,
    /// It has sent a close frame.
    pub(crate) closes: bool,
    /// Its connection is over.
    pub(crate) gone: bool,
    /// What it receives, and how many times that has changed.
    pub(crate) receives: Option<(usize, bool)>,
    pub(crate) session: u64,
    /// The sessions from which what it has not read yet may come.
    pub(crate) sessions: VecDeque<Session>,
    pub(crate) due: VecDeque<DueLive>,
    pub(crate) confirmations: BTreeMap<u64, Expected>,
    pub(crate) pings_due: usize,
    pub(crate) pongs_due: VecDeque<Vec<u8>>,
    /// Elements that it is to be sent and to acknowledge.
    pub(crate) due_alone: Vec<DueLive>,
    /// What it has read and has not acknowledged.
    pub(crate) held: BTreeMap<MessageId, Rc<str>>,
    /// All that it has read of elements that it has to acknowledge.
    pub(crate) had: BTreeSet<Rc<str>>,
    /// What it has read and not yet shown to have.
    pub(crate) unconfirmed: Vec<Rc<str>>,
    /// Pings that it is going to answer.
    pub(crate) pings: Vec<Vec<u8>>,
    /// The text frames that it has read.
    frames: usize,
    decoder: Decoder,
}

impl Client {
    pub(crate) fn new(id: ConnId, welcome: bool, answers: bool) -> Self {
        Self {
            id,
            welcome,
            answers,
            number: None,
            pipe: Pipe::default(),
            silent: false,
            ends_input: false,
            ending: false,
            closes: false,
            gone: false,
            receives: None,
            session: 0,
            sessions: VecDeque::new(),
            due: VecDeque::new(),
            confirmations: BTreeMap::new(),
            pings_due: 0,
            pongs_due: VecDeque::new(),
            due_alone: Vec::new(),
            held: BTreeMap::new(),
            had: BTreeSet::new(),
            unconfirmed: Vec::new(),
            pings: Vec::new(),
            frames: 0,
            decoder: Decoder::default(),
        }
    }

    /// It receives and is going to acknowledge, but will not: it would be sent the same for ever.
    pub(crate) fn is_deaf(&self) -> bool {
        let acknowledges = matches!(self.receives, Some((_, true)));
        acknowledges && (self.silent || !self.answers)
    }

    /// Whether it can be relied on: it was let in, and nothing ends it.
    pub(crate) fn is_well(&self) -> bool {
        self.number.is_some() && !self.gone && !self.ending
    }

    /// The store does not do what it is told, or has not: something may be missing.
    pub(crate) fn excuse_store(&mut self) {
        for due in self.due.iter_mut().chain(&mut self.due_alone) {
            due.excused = true;
        }
        for expected in self.confirmations.values_mut() {
            expected.may_fail = true;
        }
        for session in &mut self.sessions {
            session.in_order = false;
        }
    }

    /// What it has read it has shown to have.
    pub(crate) fn has_shown(&mut self, model: &mut Model) {
        for text in self.unconfirmed.drain(..) {
            if let Some(element) = model.elements.get_mut(&text) {
                element.arrived = true;
            }
        }
    }

    /// Bytes came.
    pub(crate) fn read(&mut self, bytes: &[u8], model: &mut Model, store: &ModelStore) {
        self.decoder.feed(bytes);
        let id = self.id;
        while let Some(output) = self
            .decoder
            .next(false)
            .unwrap_or_else(|fault| panic!("{id}: {fault}"))
        {
            match output {
                Output::Answer { status, head, .. } => assert_eq!(status, 101, "{head}"),
                Output::Frame { opcode: 1, payload } => {
                    let text = String::from_utf8(payload).expect("JSON is UTF-8");
                    self.read_text(&text, model, store);
                    self.frames += 1;
                }
                Output::Frame { opcode: 9, payload } => {
                    assert!(!payload.is_empty() && self.welcome, "a ping");
                    self.pings.push(payload);
                }
                Output::Frame {
                    opcode: 10,
                    payload,
                } => assert_eq!(self.pongs_due.pop_front(), Some(payload), "a pong"),
                Output::Frame { opcode, .. } => {
                    assert!(opcode == 8 && self.closes, "{id}: opcode {opcode}");
                }
            }
        }
    }

    fn read_text(&mut self, text: &str, model: &mut Model, store: &ModelStore) {
        if self.frames == 0 {
            let code = if self.welcome { "\"00\"" } else { "\"01\"" };
            assert!(text.starts_with(CONNECT) && text.contains(code), "{text}");
            model.count(if self.welcome { "let in" } else { "rejected" });
            return;
        }
        assert!(self.welcome, "sent to one who is rejected: {text}");
        if text.starts_with(CONNECT) {
            assert!(self.pings_due > 0, "nobody asked: {text}");
            let well = text.contains("\"00\"");
            assert!(well || model.rules.keep_data, "{text}");
            self.pings_due -= 1;
        } else if text.starts_with(CONFIRM) {
            self.read_confirmation(text, model, store);
        } else if text.starts_with(KEPT) {
            self.read_kept(text, model);
        } else {
            self.read_live(text, model);
        }
    }

    fn read_live(&mut self, text: &str, model: &mut Model) {
        let place = self.due.iter().position(|due| *due.payload == *text);
        let place = place.unwrap_or_else(|| panic!("not for {:?}: {text}", self.number));
        let keeps_data = model.rules.has_store();
        // One without data cannot be kept, and does not wait behind what is.
        let overtakes = self.due[place].elements.is_empty() && keeps_data;
        for due in self.due.range(..place) {
            let ended = due.session < self.session && keeps_data;
            let may_lack = overtakes || ended || due.excused || model.keeps(&due.elements);
            assert!(may_lack, "{text}, not {due:?}");
        }
        let due = self.due.remove(place).expect("it was just found");
        // What was on its way to a receiver that has gone and come back is ahead of what is kept.
        let in_order = due.session == self.session;
        for element in due.elements {
            self.read_element(element, in_order, model);
        }
        model.count("a live message came");
    }

    fn read_kept(&mut self, text: &str, model: &mut Model) {
        let rest = text.strip_prefix(KEPT).expect("it begins so");
        let rest = rest.strip_prefix(r#""channel":"#).expect("the channel");
        let (channel, rest) = rest.split_once(r#","data":"#).expect("the data");
        let rest = rest.strip_suffix('}').expect("an object");
        let (data, id) = match rest.rsplit_once(r#"],"id":"#) {
            Some((data, id)) => (format!("{data}]"), Some(id.parse().expect("a number"))),
            None => (rest.to_owned(), None),
        };
        let channel: String = serde_json::from_str(channel).expect("a text");
        let data: Vec<&RawValue> = serde_json::from_str(&data).expect("an array");
        assert!((1..=model.rules.limit).contains(&data.len()), "{text}");
        let is_of = |session: &Session| CHANNELS[session.channel].1 == channel;
        assert!(
            self.sessions.iter().any(is_of),
            "not received: {text}, {:?}",
            self.sessions
        );
        for value in data {
            let element = model.elements.get_key_value(value.get());
            let (name, element) = element.unwrap_or_else(|| panic!("never sent: {text}"));
            assert_eq!(CHANNELS[element.channel].1, channel, "{text}");
            assert!(element.was_kept, "not kept: {text}");
            let again = element.reads > 0;
            let name = Rc::clone(name);
            match id {
                Some(id) => self.read_alone(id, name, model),
                None => self.read_element(name, true, model),
            }
            model.count("a kept message came");
            if again {
                model.count("a kept message came again");
            }
        }
    }

    /// An element that is to be acknowledged.
    fn read_alone(&mut self, id: MessageId, text: Rc<str>, model: &mut Model) {
        assert_eq!(model.ids[&id], text, "another number: {id}");
        self.held.insert(id, Rc::clone(&text));
        self.had.insert(Rc::clone(&text));
        // What was not acknowledged in time comes again, behind others.
        let first = model.elements[&text].reads == 0;
        self.read_element(text, first, model);
        self.unconfirmed.pop();
        model.count("a message came that is to be acknowledged");
    }

    /// What it has acknowledged has arrived.
    pub(crate) fn acknowledged(&mut self, ids: &[MessageId], model: &mut Model) {
        for id in ids {
            self.held.remove(id);
            // It may be on its way to it again, which makes no difference.
            let text = model.ids.get(id).filter(|text| self.had.contains(*text));
            if let Some(element) = text.and_then(|text| model.elements.get_mut(text)) {
                element.arrived = true;
            }
        }
    }

    fn read_element(&mut self, text: Rc<str>, in_order: bool, model: &mut Model) {
        let element = model.elements.get_mut(&text).expect("it was sent");
        element.reads += 1;
        if let (1, Some(session)) = (self.sessions.len(), self.sessions.front_mut())
            && session.channel == element.channel
            && element.in_order
            && in_order
        {
            let is_later = element.arrival > session.last || !session.in_order;
            assert!(is_later, "out of order: {text}, to {:?}", self.number);
            session.last = element.arrival;
        }
        self.unconfirmed.push(text);
    }

    fn read_confirmation(&mut self, text: &str, model: &mut Model, store: &ModelStore) {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let token = value["confirm"].as_u64().expect("the token");
        let expected = self.confirmations.remove(&token);
        let expected = expected.unwrap_or_else(|| panic!("nobody asked: {text}"));
        let keeps = model.rules.keep_data;
        if value["response_code"] == "01" {
            let nowhere = expected.healthy == 0 && (!keeps || expected.elements.is_empty());
            assert!(nowhere || expected.may_fail, "{text}: {expected:?}");
            model.count("not confirmed");
            return;
        }
        assert_eq!(value["response_code"], "00", "{text}");
        let number = |name: &str| value[name].as_u64().expect("a number") as usize;
        let ids: Vec<MessageId> =
            serde_json::from_value(value["ids"].clone()).expect("a list of numbers");
        let receivers = number("receivers");
        let is_right = (expected.healthy..=expected.receivers).contains(&receivers);
        assert!(is_right || expected.may_fail, "{text}: {expected:?}");
        let in_store = ids.len() == expected.elements.len() && model.rules.has_store();
        assert!(in_store || ids.is_empty() && !keeps, "{text}: {expected:?}");
        let kept = if receivers == 0 { ids.len() } else { 0 };
        assert_eq!(number("kept"), kept, "{text}: {expected:?}");
        for (id, element) in ids.iter().zip(&expected.elements) {
            let is_there = store
                .kept
                .get(id)
                .is_some_and(|kept| *kept.text == **element);
            let was_there = model.elements[element].was_deleted;
            assert!(is_there || was_there, "not kept: {element}");
        }
        model.count(match receivers {
            0 => "confirmed: kept",
            _ => "confirmed: live",
        });
    }
}
