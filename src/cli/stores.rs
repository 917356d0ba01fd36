//! From the configuration to a store: the only place that knows all kinds of them, and which of
//! them this program was built with.

use crate::config::{Store, StoreKind};
#[cfg(any(feature = "sqlite", feature = "mysql"))]
use crate::store::inspection::Inspection;

use crate::relay::task::{MessageId, Worker};
#[cfg(feature = "sqlite")]
use crate::store::inspect::Inspector as TopicsInspector;

/// The worker that has the stores for what is kept; they are made if there are none. With it the id
/// of the last message of a topic, where topics can be kept.
///
/// # Errors
/// A sentence that says why a store cannot be opened.
#[cfg_attr(
    not(feature = "mysql"),
    expect(unused_variables, reason = "there is one store for both")
)]
pub(super) fn open(
    store: &Store,
    keeps_queues: bool,
    keeps_topics: bool,
) -> Result<(Box<dyn Worker>, Option<MessageId>), String> {
    if keeps_queues {
        check(store)?;
    }
    match store.kind {
        #[cfg(feature = "mysql")]
        StoreKind::Mysql if keeps_queues => {
            use crate::store::mysql::MysqlStore;
            let queues = Box::new(MysqlStore::open(mysql_settings(store))?);
            if keeps_topics {
                topics_apart(store, queues)
            } else {
                Ok((queues, None))
            }
        }
        #[cfg(feature = "sqlite")]
        _ if keeps_queues => {
            use crate::store::sqlite::SqliteStore;
            let store = SqliteStore::open(&store.path)?;
            let last = store.last_topic_message()?;
            Ok((Box::new(store), Some(last)))
        }
        _ => topics_alone(store),
    }
}

/// Topics in a file, and queues in memory.
#[cfg(feature = "sqlite")]
fn topics_alone(store: &Store) -> Result<(Box<dyn Worker>, Option<MessageId>), String> {
    use crate::store::temporary::TemporaryStore;
    topics_apart(store, Box::new(TemporaryStore::default()))
}

/// Topics in a file, and queues elsewhere.
#[cfg(feature = "sqlite")]
fn topics_apart(
    store: &Store,
    queues: Box<dyn Worker>,
) -> Result<(Box<dyn Worker>, Option<MessageId>), String> {
    use crate::store::sqlite::SqliteStore;
    use crate::store::topics_apart::TopicsApart;
    let topics = SqliteStore::open(&store.path)?;
    let last = topics.last_topic_message()?;
    Ok((Box::new(TopicsApart::new(topics, queues)), Some(last)))
}

#[cfg(not(feature = "sqlite"))]
fn topics_alone(_store: &Store) -> Result<(Box<dyn Worker>, Option<MessageId>), String> {
    Err(
        "topics are kept in SQLite, which this program was built without: topics.keep must be 0"
            .to_owned(),
    )
}

/// A look at the messages of topics from outside; nothing if there is no file of theirs.
///
/// # Errors
/// A sentence that says why it cannot be opened.
#[cfg(feature = "sqlite")]
pub(super) fn topics(store: &Store) -> Result<Option<TopicsInspector>, String> {
    if store.path.exists() {
        TopicsInspector::open(&store.path).map(Some)
    } else {
        Ok(None)
    }
}

/// A look into the store from outside; it must be there.
///
/// # Errors
/// A sentence that says why it cannot be opened.
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub(super) fn inspector(store: &Store) -> Result<Box<dyn Inspection>, String> {
    check(store)?;
    match store.kind {
        #[cfg(feature = "sqlite")]
        StoreKind::Sqlite => {
            use crate::store::inspect::Inspector;
            Ok(Box::new(Inspector::open(&store.path)?))
        }
        #[cfg(feature = "mysql")]
        StoreKind::Mysql => {
            use crate::store::mysql::MysqlInspector;
            Ok(Box::new(MysqlInspector::open(&mysql_settings(store))?))
        }
        #[cfg(not(all(feature = "sqlite", feature = "mysql")))]
        _ => Err(String::new()),
    }
}

/// Whether this program has a store of that kind.
///
/// # Errors
/// A sentence that says what to do.
pub(super) fn check(store: &Store) -> Result<(), String> {
    let (name, is_built_in) = match store.kind {
        StoreKind::Sqlite => ("sqlite", cfg!(feature = "sqlite")),
        StoreKind::Mysql => ("mysql", cfg!(feature = "mysql")),
    };
    if is_built_in {
        return Ok(());
    }
    Err(format!(
        "store.kind = \"{name}\": this program was built without it; build it with \
         `cargo build --release --features {name}`, or let nothing be kept \
         (message_broker.keep_data = false)"
    ))
}

/// Where the store is, without who logs in.
pub(super) fn place(store: &Store) -> String {
    let mysql = &store.mysql;
    let (database, prefix) = (&mysql.database, &mysql.prefix);
    match store.kind {
        StoreKind::Sqlite => store.path.display().to_string(),
        StoreKind::Mysql if mysql.socket.as_os_str().is_empty() => format!(
            "the table {prefix}data of database {database} at {}:{}",
            mysql.host, mysql.port
        ),
        StoreKind::Mysql => format!(
            "the table {prefix}data of database {database} at {}",
            mysql.socket.display()
        ),
    }
}

#[cfg(feature = "mysql")]
fn mysql_settings(store: &Store) -> crate::store::mysql::Settings {
    let crate::config::Mysql {
        host,
        port,
        socket,
        database,
        username,
        password,
        prefix,
    } = store.mysql.clone();
    crate::store::mysql::Settings {
        host,
        port,
        socket: Some(socket).filter(|path| !path.as_os_str().is_empty()),
        database,
        username,
        password,
        prefix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_not_built_in_is_refused_with_what_to_do() {
        for (kind, name, is_built_in) in [
            (StoreKind::Sqlite, "sqlite", cfg!(feature = "sqlite")),
            (StoreKind::Mysql, "mysql", cfg!(feature = "mysql")),
        ] {
            let store = Store {
                kind,
                ..Store::default()
            };
            match check(&store) {
                Ok(()) => assert!(is_built_in),
                Err(error) => {
                    assert!(!is_built_in);
                    assert!(error.contains(&format!("--features {name}")), "{error}");
                    assert!(open(&store, true, false).is_err_and(|other| other == error));
                }
            }
        }
    }
}
