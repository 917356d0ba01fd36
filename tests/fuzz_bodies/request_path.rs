//! Paths: no panic, and the form that is promised, which is its own normal form.

use fantail::dialects::topics::place::Place;
use fantail::protocol::request_path::normalise;

/// Any text is a path.
pub(crate) fn run(data: &[u8]) {
    let Ok(raw) = std::str::from_utf8(data) else {
        return;
    };
    assert_eq!(Place::parse(raw).is_ok(), normalise(raw).is_ok(), "{raw:?}");
    let Ok(normal) = normalise(raw) else {
        return;
    };
    let path = &normal.path;
    assert!(path.starts_with('/') && !path.contains("//"), "{path:?}");
    assert!(path == "/" || !path.ends_with('/'), "{path:?}");
    assert!(!path.contains(char::is_control), "{path:?}");
    assert!(
        path.split('/')
            .all(|segment| segment != "." && segment != ".."),
        "{path:?}"
    );
    let again = normalise(&path.replace('%', "%25"));
    assert_eq!(again.map(|again| again.path).as_ref(), Ok(path));
}
