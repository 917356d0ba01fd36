//! The path of a request in the one form that names a topic.
//!
//! The path is first percent-decoded (RFC 3986 section 2.1) and then cleaned (section 5.2.4, and
//! repeated slashes become one). That is the order of the Go programs whose clients connect here:
//! `/a%2Fb` is `/a/b`, and `/a/%2e%2e/b` is `/b`. Decoding comes once and first, so there is no
//! second reading by which a path could still leave its place.
//!
//! Invariant: a [`NormalPath`] begins with one slash, ends in none (but for `/` itself), and has no
//! empty, `.` or `..` segment and no control character.

use std::fmt;

/// A cleaned path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NormalPath {
    /// The path without a trailing slash; `/` for the root.
    pub path: String,
    /// True if the decoded path ended in a slash (which is not in `path`). False for the root, whose
    /// slash is not a trailing one.
    pub trailing_slash: bool,
}

/// Why a path cannot be used. Positions are byte offsets in the path as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// A `%` that two hexadecimal digits do not follow.
    Escape {
        /// Where the `%` is.
        position: usize,
    },
    /// A control character (U+0000 to U+001F, U+007F to U+009F), escaped or not.
    Control {
        /// Where it is.
        position: usize,
    },
    /// Bytes that are not UTF-8 once decoded.
    NotUtf8 {
        /// Where the first of them is.
        position: usize,
    },
}

impl fmt::Display for PathFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape { position } => write!(
                formatter,
                "the path has a % without two hexadecimal digits at byte {position}"
            ),
            Self::Control { position } => {
                write!(
                    formatter,
                    "the path has a control character at byte {position}"
                )
            }
            Self::NotUtf8 { position } => {
                write!(formatter, "the path is not UTF-8 at byte {position}")
            }
        }
    }
}

impl std::error::Error for PathFault {}

/// Decodes and cleans `raw`, the path of a request without its query. A path that does not begin
/// with a slash is taken as if it did.
///
/// # Errors
/// [`PathFault`], with the position of the first fault of its kind.
pub fn normalise(raw: &str) -> Result<NormalPath, PathFault> {
    let decoded = percent_decode(raw.as_bytes())?;
    let decoded = String::from_utf8(decoded).map_err(|error| PathFault::NotUtf8 {
        position: raw_position(raw, error.utf8_error().valid_up_to()),
    })?;
    if let Some(index) = decoded.find(char::is_control) {
        let position = raw_position(raw, index);
        return Err(PathFault::Control { position });
    }
    Ok(clean(&decoded))
}

/// Decodes `%XX` (RFC 3986 section 2.1). A `+` stays a `+`.
fn percent_decode(raw: &[u8]) -> Result<Vec<u8>, PathFault> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, behind)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = behind;
            continue;
        }
        let position = raw.len() - rest.len();
        let fault = PathFault::Escape { position };
        let (digits, behind) = behind.split_first_chunk::<2>().ok_or(fault)?;
        decoded.push(escaped_byte(*digits).ok_or(fault)?);
        rest = behind;
    }
    Ok(decoded)
}

fn escaped_byte([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Where in `raw` the byte stands that is at `decoded_index` once decoded. All escapes are valid.
fn raw_position(raw: &str, decoded_index: usize) -> usize {
    let mut position = 0;
    for _ in 0..decoded_index {
        position += if raw.as_bytes().get(position) == Some(&b'%') {
            3
        } else {
            1
        };
    }
    position
}

/// Makes repeated slashes one and resolves `.` and `..`, never above the root.
fn clean(decoded: &str) -> NormalPath {
    let mut path = String::with_capacity(decoded.len() + 1);
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => path.truncate(path.rfind('/').unwrap_or(0)),
            name => {
                path.push('/');
                path.push_str(name);
            }
        }
    }
    if path.is_empty() {
        return NormalPath {
            path: "/".into(),
            trailing_slash: false,
        };
    }
    NormalPath {
        path,
        trailing_slash: decoded.ends_with('/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_and_cleaned() {
        for (raw, path, trailing_slash) in [
            ("/", "/", false),
            ("", "/", false),
            ("//", "/", false),
            ("/./", "/", false),
            ("/a", "/a", false),
            ("a", "/a", false),
            ("/a/", "/a", true),
            ("/a//", "/a", true),
            ("//a", "/a", false),
            ("/a///b", "/a/b", false),
            ("/a/./b", "/a/b", false),
            ("/a/.", "/a", false),
            ("/a/./", "/a", true),
            ("/a/../b", "/b", false),
            ("/a/..", "/", false),
            ("/a/b/..", "/a", false),
            ("/a/b/../", "/a", true),
            ("/..", "/", false),
            ("/../../a", "/a", false),
            ("/a/../../../b/", "/b", true),
            ("/...", "/...", false),
            ("/.a/b..", "/.a/b..", false),
            ("/ws", "/ws", false),
            ("/ws/", "/ws", true),
            ("/stats/", "/stats", true),
            ("/A/a", "/A/a", false),
            ("/a%20b", "/a b", false),
            ("/a+b", "/a+b", false),
            ("/%41%7e", "/A~", false),
            ("/caf%C3%A9", "/caf\u{e9}", false),
            ("/caf\u{e9}", "/caf\u{e9}", false),
            // Decoded first: an escaped slash or dot is one.
            ("/a%2Fb", "/a/b", false),
            ("/a%2f", "/a", true),
            ("/a/%2e%2E/b", "/b", false),
            ("/a/%2e./%2E/b", "/b", false),
            // And only once.
            ("/a%252Fb", "/a%2Fb", false),
            ("/%252e%252e/b", "/%2e%2e/b", false),
        ] {
            assert_eq!(
                normalise(raw),
                Ok(NormalPath {
                    path: path.into(),
                    trailing_slash
                }),
                "{raw}"
            );
        }
    }

    #[test]
    fn faults_name_the_position() {
        for (raw, fault) in [
            ("/%", PathFault::Escape { position: 1 }),
            ("/a%4", PathFault::Escape { position: 2 }),
            ("/%41%zz", PathFault::Escape { position: 4 }),
            ("/%+1", PathFault::Escape { position: 1 }),
            ("/%\u{e9}", PathFault::Escape { position: 1 }),
            ("/a%00", PathFault::Control { position: 2 }),
            ("/%41%0ab", PathFault::Control { position: 4 }),
            ("/a\x7f", PathFault::Control { position: 2 }),
            ("/%C2%85", PathFault::Control { position: 1 }),
            ("/%ff", PathFault::NotUtf8 { position: 1 }),
            ("/%41%C3x", PathFault::NotUtf8 { position: 4 }),
            ("/\u{e9}%ED%A0%80", PathFault::NotUtf8 { position: 3 }),
        ] {
            assert_eq!(normalise(raw), Err(fault), "{raw}");
        }
    }

    #[test]
    fn a_cleaned_path_is_its_own_cleaned_path() {
        let mut random = fastrand::Rng::with_seed(3);
        let parts = ["/", ".", "..", "a", "%2e", "%2F", "%25", "\u{e9}", "%C3%A9"];
        for _ in 0..20_000 {
            let raw: String = (0..random.usize(0..12))
                .map(|_| parts[random.usize(0..parts.len())])
                .collect();
            let once = normalise(&raw).unwrap();
            assert_eq!(
                clean(&once.path),
                NormalPath {
                    path: once.path.clone(),
                    trailing_slash: false
                },
                "{raw}"
            );
            let segments = once.path.split('/').skip(1);
            assert!(
                once.path == "/" || segments.into_iter().all(|s| !["", ".", ".."].contains(&s)),
                "{raw}"
            );
        }
    }
}
