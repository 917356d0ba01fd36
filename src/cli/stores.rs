//! From the configuration to a store: the only place that knows all kinds of them, and which of
//! them this program was built with.

use crate::config::{Store, StoreKind};
#[cfg(any(feature = "sqlite", feature = "mysql"))]
use crate::store::inspection::Inspection;

use crate::relay::task::Worker;

/// The worker that has the store; it is made if there is none.
///
/// # Errors
/// A sentence that says why it cannot be opened.
pub(super) fn worker(store: &Store) -> Result<Box<dyn Worker>, String> {
    check(store)?;
    match store.kind {
        #[cfg(feature = "sqlite")]
        StoreKind::Sqlite => {
            use crate::store::sqlite::SqliteStore;
            Ok(Box::new(SqliteStore::open(&store.path)?))
        }
        #[cfg(feature = "mysql")]
        StoreKind::Mysql => {
            use crate::store::mysql::MysqlStore;
            Ok(Box::new(MysqlStore::open(mysql_settings(store))?))
        }
        #[cfg(not(all(feature = "sqlite", feature = "mysql")))]
        _ => Err(String::new()),
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
                    assert!(worker(&store).is_err_and(|other| other == error));
                }
            }
        }
    }
}
