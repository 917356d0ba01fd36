//! Entries of members side by side, so that the list for a joiner is made of few long copies. In
//! a channel of 10,000, what takes time is to find each of them somewhere else in memory.
//!
//! Members belong to sections by their places. The text of a section is put together when a list
//! is asked for, and kept until one of its members comes, goes or changes.
//!
//! Invariants:
//! - The sections that have a row are those with a member.
//! - A text that is kept is the one that would be put together now.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::dialects::drc::channel::Place;

/// Places in a section.
const SECTION: u64 = 64;

/// A longer text is not kept, in bytes. Its entries are long, so that it is their copying that
/// takes time, and the channel would take twice the memory.
const LONGEST_KEPT: usize = 16 * 1024;

/// The texts of the sections of some members.
#[derive(Debug, Default)]
pub(super) struct Roll {
    /// By the number of the section; the text, if it is kept.
    sections: BTreeMap<u64, Option<Box<str>>>,
}

fn section(place: Place) -> u64 {
    place.0 / SECTION
}

fn places(section: u64) -> Range<Place> {
    let first = section * SECTION;
    Place(first)..Place(first + SECTION)
}

impl Roll {
    /// The member at `place` came, went or changed; `entries` finds those who are there now.
    pub(super) fn changed<'a, Entries>(
        &mut self,
        place: Place,
        entries: impl Fn(Range<Place>) -> Entries,
    ) where
        Entries: Iterator<Item = (Place, &'a str)>,
    {
        let number = section(place);
        if entries(places(number)).next().is_some() {
            self.sections.insert(number, None);
        } else {
            self.sections.remove(&number);
        }
    }

    /// Appends the entries of the members at the places `within`, where `entries` finds them.
    pub(super) fn push<'a, Entries>(
        &mut self,
        within: Range<Place>,
        entries: impl Fn(Range<Place>) -> Entries,
        json: &mut String,
    ) where
        Entries: Iterator<Item = (Place, &'a str)>,
    {
        for (number, kept) in self.sections.range_mut(section(within.start)..) {
            let all = places(*number);
            if all.start >= within.end {
                break;
            }
            if within.start > all.start || all.end > within.end {
                let part = all.start.max(within.start)..all.end.min(within.end);
                push_entries(json, &put_together(entries(part)));
            } else if let Some(text) = kept {
                push_entries(json, text);
            } else {
                let text = put_together(entries(all));
                push_entries(json, &text);
                *kept = (text.len() <= LONGEST_KEPT).then(|| text.into());
            }
        }
    }

    /// Checks that what is kept is right.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub(super) fn check_invariants<'a, Entries>(
        &self,
        entries: impl Fn(Range<Place>) -> Entries,
    ) -> Result<(), String>
    where
        Entries: Iterator<Item = (Place, &'a str)>,
    {
        for (place, _) in entries(Place(0)..Place(u64::MAX)) {
            if !self.sections.contains_key(&section(place)) {
                return Err(format!("the section of {place:?} is missing"));
            }
        }
        for (number, text) in &self.sections {
            let right = put_together(entries(places(*number)));
            if right.is_empty() {
                return Err(format!("nobody is in section {number}"));
            }
            if text.as_deref().is_some_and(|text| text != right) {
                return Err(format!("section {number} is out of date"));
            }
        }
        Ok(())
    }
}

fn put_together<'a>(entries: impl Iterator<Item = (Place, &'a str)>) -> String {
    let mut text = String::new();
    for (_, entry) in entries {
        push_entries(&mut text, entry);
    }
    text
}

/// Appends entries, or one, to the members of an object, or to others.
pub(super) fn push_entries(json: &mut String, entries: &str) {
    if !entries.is_empty() {
        if !json.is_empty() && !json.ends_with('{') {
            json.push(',');
        }
        json.push_str(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Members = BTreeMap<Place, String>;

    fn entries<'a>(
        members: &'a Members,
    ) -> impl Fn(Range<Place>) -> std::vec::IntoIter<(Place, &'a str)> + Copy {
        |range| {
            let found = members.range(range);
            let found = found.map(|(place, text)| (*place, text.as_str()));
            found.collect::<Vec<_>>().into_iter()
        }
    }

    fn check(roll: &mut Roll, members: &Members, within: Range<u64>) {
        let entries = entries(members);
        let within = Place(within.start)..Place(within.end);
        let mut json = "{".to_owned();
        roll.push(within.clone(), entries, &mut json);
        let expected: Vec<&str> = entries(within).map(|(_, text)| text).collect();
        assert_eq!(json, format!("{{{}", expected.join(",")));
        roll.check_invariants(entries).unwrap();
    }

    #[test]
    fn a_list_is_the_entries_in_their_order_whatever_is_kept() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut roll = Roll::default();
        let mut members = Members::new();
        for step in 0..2_000 {
            let place = Place(random.u64(1..1_000));
            match random.u8(..3) {
                0 => members.remove(&place),
                _ => members.insert(place, format!("{}:{step}", place.0)),
            };
            roll.changed(place, entries(&members));
            check(&mut roll, &members, 0..u64::MAX);
            check(&mut roll, &members, 0..random.u64(1..1_000));
            check(&mut roll, &members, random.u64(1..1_000)..u64::MAX);
        }
        assert!(roll.sections.values().flatten().count() > 10);
    }

    #[test]
    fn members_who_come_and_go_leave_nothing_behind() {
        let mut roll = Roll::default();
        let mut members = Members::new();
        for place in (1..100_000).map(Place) {
            members.insert(place, "x".to_owned());
            roll.changed(place, entries(&members));
            members.remove(&place);
            roll.changed(place, entries(&members));
        }
        assert!(roll.sections.is_empty());
    }

    #[test]
    fn long_entries_are_not_kept_twice() {
        let mut roll = Roll::default();
        let long = "x".repeat(LONGEST_KEPT);
        let members = Members::from([(Place(1), long), (Place(2), "y".to_owned())]);
        roll.changed(Place(1), entries(&members));
        check(&mut roll, &members, 0..u64::MAX);
        assert!(roll.sections.values().all(Option::is_none));
    }
}
