//! What happened to messages over many lives of a server, and whether all of it may have.
//!
//! Every element of data that a test sends is an [`Item`] of its own, so that it can be told from
//! all others wherever it comes out again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The number of a kept message, as the server tells it.
pub type Number = i64;

/// What a sender sends once: its own number in a channel, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    pub channel: u32,
    pub sender: u32,
    pub number: u32,
}

/// Items that are told of beside another one, before and behind it.
const NEAR: u32 = 3;

impl Item {
    /// The text of it, with so many bytes that mean nothing behind it.
    pub fn text(self, padding: usize) -> String {
        format!("{self}.{:.<padding$}", "")
    }

    /// The item of a text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse().ok());
        Some(Self {
            channel: numbers.next()??,
            sender: numbers.next()??,
            number: numbers.next()??,
        })
    }

    /// Whose order it belongs to.
    fn row(self) -> (u32, u32) {
        (self.channel, self.sender)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}.{}.{}",
            self.channel, self.sender, self.number
        )
    }
}

/// Something that a client of the server, or whoever looked into its store, has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is being sent. Whether it arrives is not known.
    Sent(Item),
    /// Its sender was told that it is safe, and its number if it was kept.
    Confirmed(Item, Option<Number>),
    /// Its sender was told that it was not taken.
    Refused(Item),
    /// A connection, whose numbers rise with time, received a text of a channel, and perhaps its
    /// number.
    Delivered {
        connection: u32,
        channel: u32,
        text: String,
        number: Option<Number>,
    },
    /// At the end it is still kept.
    Kept {
        channel: u32,
        text: String,
        number: Number,
    },
}

impl Event {
    /// Whom it happened to, and what that was.
    fn tell(&self) -> Option<(Item, String)> {
        Some(match self {
            Self::Sent(item) => (*item, "sent".to_owned()),
            Self::Confirmed(item, number) => (*item, format!("confirmed, number {number:?}")),
            Self::Refused(item) => (*item, "refused".to_owned()),
            Self::Delivered {
                connection,
                text,
                number,
                ..
            } => {
                let told = format!("came to connection {connection}, number {number:?}");
                (Item::parse(text)?, told)
            }
            Self::Kept { text, number, .. } => (Item::parse(text)?, format!("kept as {number}")),
        })
    }
}

/// What must not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// It was confirmed, and neither delivered nor is it kept.
    Lost(Item),
    /// It is delivered or kept, and nobody has sent it to that channel.
    Invented(String),
    /// It was confirmed or refused without having been sent, or both, or twice.
    Answered(Item),
    /// Its sender was told that it was not taken, and it is there.
    TakenAllTheSame(Item),
    /// A connection received it, and behind it one that its sender had sent before.
    OutOfOrder { connection: u32, item: Item },
    /// It came for the first time when a later one of its sender had already come.
    Overtaken(Item),
    /// It has more than one number: it was kept twice.
    KeptTwice(Item),
    /// A number that two items have.
    NumberUsedTwice(Number),
}

impl Violation {
    /// Whom it happened to.
    pub fn item(&self) -> Option<Item> {
        match self {
            Self::Invented(text) => Item::parse(text),
            Self::NumberUsedTwice(_) => None,
            Self::Lost(item)
            | Self::Answered(item)
            | Self::TakenAllTheSame(item)
            | Self::OutOfOrder { item, .. }
            | Self::Overtaken(item)
            | Self::KeptTwice(item) => Some(*item),
        }
    }
}

/// How much has happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub sent: usize,
    pub confirmed: usize,
    pub refused: usize,
    pub delivered: usize,
    /// Of those, the items that somebody had received before.
    pub repeated: usize,
    pub kept: usize,
}

/// What is known of an item.
#[derive(Debug, Default)]
struct Known {
    sent: bool,
    confirmed: bool,
    refused: bool,
    arrived: bool,
    numbers: BTreeSet<Number>,
}

/// What the events, taken in the order in which they were seen, tell of the items.
#[derive(Debug, Default)]
pub struct History {
    /// The channels that have one receiver at a time, so that there is an order in which messages
    /// come.
    in_order: Vec<u32>,
    counts: Counts,
    items: BTreeMap<Item, Known>,
    /// Whom a number belongs to.
    numbers: BTreeMap<Number, Item>,
    /// The last that a connection received from a sender.
    last: BTreeMap<(u32, (u32, u32)), u32>,
    /// The highest that anybody received from a sender.
    highest: BTreeMap<(u32, u32), u32>,
    violations: Vec<Violation>,
    /// The events since what was told last, in short.
    story: Vec<(Item, String)>,
}

impl History {
    /// Nothing has happened yet. `in_order`: the channels that have one receiver at a time.
    pub fn new(in_order: Vec<u32>) -> Self {
        Self {
            in_order,
            ..Self::default()
        }
    }

    /// How much has happened.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// All that must not have happened, if what was kept has been noted.
    pub fn violations(&self) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        for (item, known) in &self.items {
            if known.confirmed && !known.arrived {
                violations.push(Violation::Lost(*item));
            }
            if known.refused && known.arrived {
                violations.push(Violation::TakenAllTheSame(*item));
            }
        }
        violations
    }

    /// What has happened to an item and to those beside it, since this was asked last.
    pub fn story(&mut self, item: Item) -> String {
        let is_near =
            |other: &Item| other.row() == item.row() && other.number.abs_diff(item.number) <= NEAR;
        let story = std::mem::take(&mut self.story);
        let lines = story.into_iter().filter(|(other, _)| is_near(other));
        lines
            .map(|(item, line)| format!("{item} {line}\n"))
            .collect()
    }

    /// Something has happened.
    pub fn note(&mut self, event: &Event) {
        if let Some(told) = event.tell() {
            self.story.push(told);
        }
        match event {
            Event::Sent(item) => {
                self.counts.sent += 1;
                self.items.entry(*item).or_default().sent = true;
            }
            Event::Confirmed(item, number) => {
                self.counts.confirmed += 1;
                self.answer(*item).confirmed = true;
                self.number(*item, *number);
            }
            Event::Refused(item) => {
                self.counts.refused += 1;
                self.answer(*item).refused = true;
            }
            Event::Delivered {
                connection,
                channel,
                text,
                number,
            } => {
                self.counts.delivered += 1;
                if let Some(item) = self.arrive(*channel, text, *number) {
                    self.follow(*connection, item);
                }
            }
            Event::Kept {
                channel,
                text,
                number,
            } => {
                self.counts.kept += 1;
                self.arrive(*channel, text, Some(*number));
            }
        }
    }

    /// The sender of an item is told what became of it.
    fn answer(&mut self, item: Item) -> &mut Known {
        let known = self.items.entry(item).or_default();
        if !known.sent || known.confirmed || known.refused {
            self.violations.push(Violation::Answered(item));
        }
        known
    }

    /// Something came out of a channel.
    fn arrive(&mut self, channel: u32, text: &str, number: Option<Number>) -> Option<Item> {
        let item = Item::parse(text).filter(|item| item.channel == channel);
        let known = item.and_then(|item| Some((item, self.items.get_mut(&item)?)));
        let Some((item, known)) = known.filter(|(_, known)| known.sent) else {
            self.violations.push(Violation::Invented(text.to_owned()));
            return None;
        };
        let is_first = !std::mem::replace(&mut known.arrived, true);
        self.counts.repeated += usize::from(!is_first);
        self.number(item, number);
        if self.in_order.contains(&channel) {
            let highest = self.highest.entry(item.row()).or_insert(item.number);
            if *highest < item.number {
                *highest = item.number;
            } else if is_first && *highest > item.number {
                self.violations.push(Violation::Overtaken(item));
            }
        }
        Some(item)
    }

    /// A connection received an item behind others.
    fn follow(&mut self, connection: u32, item: Item) {
        if !self.in_order.contains(&item.channel) {
            return;
        }
        let last = self.last.insert((connection, item.row()), item.number);
        if last.is_some_and(|last| last >= item.number) {
            self.violations
                .push(Violation::OutOfOrder { connection, item });
        }
    }

    fn number(&mut self, item: Item, number: Option<Number>) {
        let Some(number) = number else { return };
        if *self.numbers.entry(number).or_insert(item) != item {
            self.violations.push(Violation::NumberUsedTwice(number));
        }
        let numbers = &mut self.items.entry(item).or_default().numbers;
        if numbers.insert(number) && numbers.len() > 1 {
            self.violations.push(Violation::KeptTwice(item));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u32) -> Item {
        Item {
            channel: 7,
            sender: 1,
            number,
        }
    }

    fn sent(number: u32) -> Event {
        Event::Sent(item(number))
    }

    fn confirmed(number: u32) -> Event {
        Event::Confirmed(item(number), Some(100 + Number::from(number)))
    }

    fn delivered(connection: u32, number: u32) -> Event {
        Event::Delivered {
            connection,
            channel: 7,
            text: item(number).text(number as usize),
            number: None,
        }
    }

    fn kept(number: u32) -> Event {
        Event::Kept {
            channel: 7,
            text: item(number).text(0),
            number: 100 + Number::from(number),
        }
    }

    fn violations(events: &[Event], in_order: &[u32]) -> Vec<Violation> {
        let mut history = History::new(in_order.to_vec());
        for event in events {
            history.note(event);
        }
        history.violations()
    }

    #[test]
    fn a_text_is_an_item() {
        for padding in [0, 1, 99] {
            assert_eq!(Item::parse(&item(3).text(padding)), Some(item(3)));
        }
        for text in ["", "1.2", "1.2.x", "a.b.c", "1.2.-3"] {
            assert_eq!(Item::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_happen_is_no_violation() {
        for events in [
            vec![],
            // Sent, and never heard of again.
            vec![sent(1)],
            vec![sent(1), delivered(1, 1)],
            vec![sent(1), confirmed(1), delivered(1, 1)],
            // The confirmation may come later than the message.
            vec![sent(1), delivered(1, 1), confirmed(1)],
            vec![sent(1), confirmed(1), kept(1)],
            vec![sent(1), Event::Refused(item(1))],
            // Again, in the order of its sender.
            vec![
                sent(1),
                sent(2),
                delivered(1, 1),
                delivered(1, 2),
                delivered(2, 1),
                delivered(2, 2),
                kept(2),
            ],
            // What is missing was not confirmed.
            vec![sent(1), sent(2), confirmed(2), delivered(1, 2)],
        ] {
            assert_eq!(violations(&events, &[7]), [], "{events:?}");
        }
        // Several receivers take turns.
        let events = vec![sent(1), sent(2), delivered(1, 2), delivered(1, 2)];
        assert_eq!(violations(&events, &[]), []);
    }

    #[test]
    fn what_must_not_happen_is_found() {
        let foreign = Event::Delivered {
            connection: 1,
            channel: 8,
            text: item(1).text(0),
            number: None,
        };
        let number = |number, of| Event::Delivered {
            connection: 9,
            channel: 7,
            text: item(of).text(0),
            number: Some(number),
        };
        for (events, expected) in [
            (vec![sent(1), confirmed(1)], Violation::Lost(item(1))),
            (
                vec![sent(1), sent(2), confirmed(1), confirmed(2), kept(2)],
                Violation::Lost(item(1)),
            ),
            (vec![delivered(1, 1)], Violation::Invented(item(1).text(1))),
            (vec![kept(1)], Violation::Invented(item(1).text(0))),
            (vec![sent(1), foreign], Violation::Invented(item(1).text(0))),
            (
                vec![confirmed(1), sent(1), kept(1)],
                Violation::Answered(item(1)),
            ),
            (
                vec![sent(1), confirmed(1), confirmed(1), kept(1)],
                Violation::Answered(item(1)),
            ),
            (
                vec![sent(1), Event::Refused(item(1)), delivered(1, 1)],
                Violation::TakenAllTheSame(item(1)),
            ),
            (
                vec![
                    sent(1),
                    sent(2),
                    delivered(1, 1),
                    delivered(2, 1),
                    delivered(2, 2),
                    delivered(2, 1),
                ],
                Violation::OutOfOrder {
                    connection: 2,
                    item: item(1),
                },
            ),
            (
                vec![sent(1), delivered(1, 1), delivered(1, 1)],
                Violation::OutOfOrder {
                    connection: 1,
                    item: item(1),
                },
            ),
            (
                vec![sent(1), sent(2), delivered(1, 2), delivered(2, 1)],
                Violation::Overtaken(item(1)),
            ),
            (
                vec![sent(1), sent(2), delivered(1, 2), kept(1)],
                Violation::Overtaken(item(1)),
            ),
            (
                vec![sent(1), confirmed(1), number(5, 1)],
                Violation::KeptTwice(item(1)),
            ),
            (
                vec![sent(1), sent(2), number(5, 1), number(5, 2)],
                Violation::NumberUsedTwice(5),
            ),
        ] {
            let found = violations(&events, &[7]);
            assert_eq!(found, [expected], "{events:?}");
        }
    }
}
