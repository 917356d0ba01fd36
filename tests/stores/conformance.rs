//! What every store must do: a table of cases, each with a store of its own.

use crate::tasks::{
    LIMITS, THEN, all, delete, expire, fetch, fetched, forget_sender_ids, keep, keep_as,
    keep_within, kept, one, probe, texts,
};
use fantail::limits::Limit;
use fantail::relay::task::{
    KeepLimits, Outcome, StoreAnswer, StoreFault, StoreTask, Task, Users, Worker,
};
use std::sync::Arc;
use std::time::Duration;

/// Opens the store of a case; the same one each time.
pub(crate) type Open<'a> = &'a dyn Fn() -> Box<dyn Worker>;

/// A case.
type Case = fn(Open<'_>);

const CASES: &[(&str, Case)] = &[
    ("order", messages_come_back_in_order_also_after_an_opening),
    ("texts", texts_come_back_byte_for_byte),
    ("names", names_of_channels_are_exact),
    ("parts", a_fetch_takes_as_much_as_it_may),
    ("numbers", numbers_are_not_used_twice),
    ("deletion", what_is_deleted_is_gone_and_counted),
    ("age", what_is_too_old_goes),
    ("room", what_has_no_room_is_refused_as_a_whole),
    ("room_again", what_goes_makes_room),
    ("others", changes_by_others_are_counted),
    ("once", what_has_a_name_is_kept_once),
    ("once_others", a_name_that_others_have_taken_is_taken),
    ("batch", a_batch_is_answered_in_its_order),
    ("large_batch", a_whole_batch_of_messages_is_kept),
    ("foreign", tasks_of_others_are_not_done),
];

/// Runs all cases. `open` opens the store of a case by its name.
pub(crate) fn run_all(open: &dyn Fn(&str) -> Box<dyn Worker>) {
    for (name, case) in CASES {
        // The harness shows it if the case fails.
        eprintln!("case {name}");
        case(&|| open(name));
    }
}

fn messages_come_back_in_order_also_after_an_opening(open: Open<'_>) {
    let mut store = open();
    let first = kept(&mut *store, "c", &["1", "2"]);
    let second = kept(&mut *store, "c", &["3"]);
    assert!(first[0] < first[1] && first[1] < second[0]);
    drop(store);
    let mut store = open();
    kept(&mut *store, "c", &["4"]);
    assert_eq!(texts(&mut *store, "c"), ["1", "2", "3", "4"]);
}

fn texts_come_back_byte_for_byte(open: Open<'_>) {
    let mut store = open();
    let long = format!("\"{}\"", "xé".repeat(300_000));
    let all = [
        "1.0",
        "{}",
        "[ ]",
        "12345678901234567890.10e-7",
        r#""a'b\"c\\d%_;--""#,
        r#""\u0000\ud834\udd1e\/""#,
        "\"é€𝄞\u{10ffff}\u{fffd}\"",
        "\"a\u{7f}\u{200b}\u{301}\"",
        "[1,\n\t2]\r\n ",
        &long,
    ];
    kept(&mut *store, "c", &all);
    assert_eq!(texts(&mut *store, "c"), all);
}

fn names_of_channels_are_exact(open: Open<'_>) {
    let mut store = open();
    let json = |name: &str| serde_json::Value::from(name).to_string();
    let long = "𝄞".repeat(100);
    let names = [
        "c",
        "C",
        "ç",
        "c ",
        " c",
        "",
        " ",
        "10",
        "010",
        "1e1",
        "a'b\"c\\d",
        "a`b",
        "%",
        "_",
        "c\0",
        "c\n",
        "ß",
        "ss",
        "é",
        "e\u{301}",
        "𝄞",
        "😀",
        "😁",
        &long,
    ];
    for name in names {
        kept(&mut *store, name, &[&json(name), "2"]);
    }
    let mut store = open();
    for name in names {
        let found = texts(&mut *store, name);
        assert_eq!(found, [json(name), "2".to_owned()], "{name:?}");
    }
    for name in ["d", "c  ", "É", "E", "10.0", "a'b"] {
        assert_eq!(texts(&mut *store, name), [""; 0], "{name:?}");
    }
}

fn a_fetch_takes_as_much_as_it_may(open: Open<'_>) {
    let mut store = open();
    let ids = kept(&mut *store, "c", &["1", "\"é\"", "333"]);
    kept(&mut *store, "d", &["4"]);
    let expected: Vec<_> = ids
        .into_iter()
        .zip(["1", "\"é\"", "333"].map(str::to_owned))
        .collect();
    for (after, most, most_bytes, from, to) in [
        (0, 9, 99, 0, 3),
        (0, 2, 99, 0, 2),
        (0, 1, 99, 0, 1),
        (0, 9, 5, 0, 2),
        (0, 9, 4, 0, 1),
        (0, 9, 1, 0, 1),
        (0, 9, 0, 0, 1),
        (expected[0].0, 9, 99, 1, 3),
        (expected[0].0, 9, 0, 1, 2),
        (expected[1].0, 1, 99, 2, 3),
        (expected[2].0, 9, 99, 3, 3),
    ] {
        let found = fetched(&mut *store, fetch("c", after, most, most_bytes));
        assert_eq!(found, expected[from..to], "{after} {most} {most_bytes}");
        let answer = one(&mut *store, fetch("c", after, most, most_bytes));
        let Ok(StoreAnswer::Fetched { complete, .. }) = answer else {
            panic!("{answer:?}");
        };
        // It may be that the store does not know that nothing is behind as many as it may give.
        let at_end = to == expected.len();
        let knows = to - from < most;
        assert_eq!(complete, at_end && knows, "{after} {most} {most_bytes}");
    }
}

fn numbers_are_not_used_twice(open: Open<'_>) {
    let mut store = open();
    let ids = kept(&mut *store, "c", &["1", "2"]);
    one(&mut *store, delete(&ids)).expect("they can be deleted");
    drop(store);
    let mut store = open();
    let later = kept(&mut *store, "c", &["3"]);
    assert!(later[0] > ids[1]);
}

fn what_is_deleted_is_gone_and_counted(open: Open<'_>) {
    let mut store = open();
    let ids = kept(&mut *store, "c", &["1", "2", "3"]);
    let unknown = ids[2] + 1000;
    let deleted = |count| Ok(StoreAnswer::Deleted(count));
    let first = [ids[0], ids[2], unknown];
    assert_eq!(one(&mut *store, delete(&first)), deleted(2));
    assert_eq!(one(&mut *store, delete(&first)), deleted(0));
    assert_eq!(one(&mut *store, delete(&[])), deleted(0));
    assert_eq!(texts(&mut *store, "c"), ["2"]);
}

fn what_is_too_old_goes(open: Open<'_>) {
    let mut store = open();
    kept(&mut *store, "c", &["1", "2"]);
    let deleted = |count| Ok(StoreAnswer::Deleted(count));
    assert_eq!(one(&mut *store, expire(THEN)), deleted(0));
    assert_eq!(texts(&mut *store, "c"), ["1", "2"]);
    assert_eq!(one(&mut *store, expire(THEN + 1)), deleted(2));
    assert_eq!(one(&mut *store, expire(THEN + 1)), deleted(0));
    assert_eq!(texts(&mut *store, "c"), [""; 0]);
}

const NARROW: KeepLimits = KeepLimits {
    messages: 10,
    bytes: 100,
    channel_messages: 5,
    sender_ids: 2,
};

fn what_has_no_room_is_refused_as_a_whole(open: Open<'_>) {
    let mut store = open();
    let mut keep = |channel: &str, messages: &[&str]| {
        one(&mut *store, keep_within(channel, messages, NARROW)).map(|_| ())
    };
    let full = |limit| Err(StoreFault::Full(limit));
    assert_eq!(keep("a", &["1"; 4]), Ok(()));
    assert_eq!(keep("a", &["1", "2"]), full(Limit::StoreChannelMessages));
    assert_eq!(keep("b", &["1"; 5]), Ok(()));
    assert_eq!(keep("c", &["1", "2"]), full(Limit::StoreMessages));
    let long = "1".repeat(92);
    assert_eq!(keep("c", &[&long]), full(Limit::StoreBytes));
    assert_eq!(keep("c", &[&long[1..]]), Ok(()));
    assert_eq!(keep("d", &["1"]), full(Limit::StoreMessages));
    drop(store);
    let mut store = open();
    let refused = one(&mut *store, keep_within("d", &["1"], NARROW));
    assert_eq!(refused.map(|_| ()), full(Limit::StoreMessages));
    assert_eq!(texts(&mut *store, "d"), [""; 0]);
}

fn what_goes_makes_room(open: Open<'_>) {
    let mut store = open();
    let mut ids = Vec::new();
    for (channel, round) in [("a", 0), ("b", 0), ("a", 1), ("a", 2)] {
        let answer = one(&mut *store, keep_within(channel, &["1"; 5], NARROW));
        let Ok(StoreAnswer::Kept(new)) = answer else {
            panic!("{channel}, round {round}: {answer:?}");
        };
        match round {
            0 => ids.push(new),
            1 => drop(one(&mut *store, delete(&new))),
            _ => {}
        }
        if (channel, round) == ("b", 0) {
            one(&mut *store, delete(&ids[0])).expect("they can be deleted");
        }
    }
    let refused = one(&mut *store, keep_within("a", &["1"], NARROW));
    assert!(refused.is_err());
    one(&mut *store, expire(THEN + 1)).expect("they are too old");
    one(&mut *store, keep_within("a", &["1"; 5], NARROW)).expect("there is room");
}

fn changes_by_others_are_counted(open: Open<'_>) {
    let (mut store, mut other) = (open(), open());
    let answer = one(&mut *store, keep_within("a", &["1"; 5], NARROW));
    let Ok(StoreAnswer::Kept(ids)) = answer else {
        panic!("{answer:?}");
    };
    one(&mut *other, delete(&ids)).expect("they can be deleted");
    // A store may need a moment to notice.
    std::thread::sleep(Duration::from_millis(1_500));
    one(&mut *store, keep_within("a", &["1"; 5], NARROW)).expect("there is room");
}

fn what_has_a_name_is_kept_once(open: Open<'_>) {
    let mut store = open();
    let long = "é".repeat(300);
    let names = [
        ("u", "x", "c"),
        ("U", "x", "c"),
        ("u", "X", "c"),
        ("u", "x ", "c"),
        ("u", "x", "C"),
        ("ux", "", "c"),
        ("u", "xc", ""),
        ("u\0", "x", "c"),
        ("𝄞", &long, "ç"),
    ];
    let mut tasks = Vec::new();
    for (user, id, channel) in names {
        tasks.push(keep_as(user, id, channel, &["1", "2"]));
    }
    let mut before = Vec::new();
    for answer in all(&mut *store, tasks) {
        match answer {
            Ok(StoreAnswer::Kept(ids)) if ids.len() == 2 => before.push(ids),
            other => panic!("{other:?}"),
        }
    }
    // Also when the messages are gone, in another life, and with other messages.
    one(&mut *store, delete(&before[0])).expect("they can be deleted");
    drop(store);
    let mut store = open();
    for ((user, id, channel), ids) in names.into_iter().zip(before) {
        let again = one(&mut *store, keep_as(user, id, channel, &["3"]));
        assert_eq!(
            again,
            Ok(StoreAnswer::Repeated(ids)),
            "{user} {id} {channel}"
        );
    }
    assert_eq!(texts(&mut *store, "C"), ["1", "2"]);
    // Twice in a batch.
    let twice = vec![
        keep_as("v", "1", "d", &["1"]),
        keep_as("v", "1", "d", &["1"]),
    ];
    let answers = all(&mut *store, twice);
    assert!(matches!(answers[0], Ok(StoreAnswer::Kept(_))));
    assert!(matches!(answers[1], Ok(StoreAnswer::Repeated(_))));

    let deleted = |count| Ok(StoreAnswer::Deleted(count));
    assert_eq!(one(&mut *store, forget_sender_ids(THEN)), deleted(0));
    let narrow = |limits: KeepLimits| {
        let mut task = keep_as("v", "2", "d", &["1"]);
        if let Task::Store(StoreTask::Keep {
            limits: of_task, ..
        }) = &mut task
        {
            *of_task = limits;
        }
        task
    };
    let limits = KeepLimits {
        sender_ids: 10,
        ..LIMITS
    };
    let full = Err(StoreFault::Full(Limit::StoreSenderIds));
    assert_eq!(one(&mut *store, narrow(limits)), full);
    assert_eq!(one(&mut *store, forget_sender_ids(THEN + 1)), deleted(10));
    let kept = one(&mut *store, narrow(limits));
    assert!(matches!(kept, Ok(StoreAnswer::Kept(_))), "{kept:?}");
    assert_eq!(texts(&mut *store, "d"), ["1", "1"]);
}

fn a_name_that_others_have_taken_is_taken(open: Open<'_>) {
    let (mut store, mut other) = (open(), open());
    let kept = one(&mut *store, keep_as("u", "x", "c", &["1"]));
    let Ok(StoreAnswer::Kept(ids)) = kept else {
        panic!("{kept:?}");
    };
    let again = one(&mut *other, keep_as("u", "x", "c", &["1"]));
    assert_eq!(again, Ok(StoreAnswer::Repeated(ids)));
    assert_eq!(texts(&mut *other, "c"), ["1"]);
}

fn a_batch_is_answered_in_its_order(open: Open<'_>) {
    let mut store = open();
    let ids = kept(&mut *store, "c", &["0"]);
    let answers = all(
        &mut *store,
        vec![
            keep("c", &["1"]),
            keep("d", &["2", "3"]),
            fetch("c", ids[0], 9, 99),
            delete(&ids),
            keep_within("e", &["1"; 6], NARROW),
            fetch("c", 0, 9, 99),
            probe(),
            expire(THEN),
        ],
    );
    let lengths = |answer: &Result<StoreAnswer, StoreFault>| match answer {
        Ok(StoreAnswer::Kept(ids)) => ("kept", ids.len()),
        Ok(StoreAnswer::Fetched { messages, .. }) => ("fetched", messages.len()),
        Ok(StoreAnswer::Deleted(count)) => ("deleted", *count),
        Ok(StoreAnswer::Works) => ("works", 0),
        Err(StoreFault::Full(_)) => ("full", 0),
        other => panic!("{other:?}"),
    };
    let found: Vec<_> = answers.iter().map(lengths).collect();
    assert_eq!(
        found,
        [
            ("kept", 1),
            ("kept", 2),
            ("fetched", 1),
            ("deleted", 1),
            ("full", 0),
            ("fetched", 1),
            ("works", 0),
            ("deleted", 0),
        ]
    );
    // What was refused did not take the rest with it.
    assert_eq!(texts(&mut *open(), "d"), ["2", "3"]);
}

fn a_whole_batch_of_messages_is_kept(open: Open<'_>) {
    let mut store = open();
    let count = store.batch();
    let numbers: Vec<_> = (0..count).map(|number| number.to_string()).collect();
    let tasks = numbers.iter().map(|number| keep("c", &[number])).collect();
    for answer in all(&mut *store, tasks) {
        answer.expect("there is room");
    }
    assert_eq!(texts(&mut *store, "c"), numbers);
    let ids: Vec<_> = fetched(&mut *store, fetch("c", 0, count, usize::MAX))
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(
        one(&mut *store, delete(&ids)),
        Ok(StoreAnswer::Deleted(count))
    );
}

fn tasks_of_others_are_not_done(open: Open<'_>) {
    let password = Task::VerifyPassword {
        users: Arc::new(Users::default()),
        user: "qa".to_owned(),
        password: fantail::secret::Secret::new("x"),
    };
    let outcomes = open().perform(vec![password, probe()]);
    assert_eq!(outcomes[0], Outcome::Unavailable);
    assert_eq!(outcomes[1], Outcome::Store(Ok(StoreAnswer::Works)));
}
