//! What a client asks for in the query of its address, beside its topic: `?since=<id>`,
//! `?last=<number>`, `?ids=1`.

use crate::protocol::query_string::Query;
use crate::relay::task::MessageId;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Each message is to come with its id.
    pub ids: bool,
    /// What was kept is to come first.
    pub replay: Option<Range>,
}

/// Which of the kept messages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// Those behind this one; 0 is all.
    pub since: MessageId,
    /// Of these, so many of the last.
    pub last: Option<usize>,
}

impl Wish {
    /// Reads a query. Other names are of no interest, nor is what cannot be read.
    ///
    /// # Errors
    /// A sentence that says which value is wrong.
    pub fn parse(query: &str) -> Result<Self, String> {
        let query = Query::parse(query);
        let ids = match query.get("ids") {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err("ids: expected 1 or 0".to_owned()),
        };
        let since = number(&query, "since")?;
        let last = number(&query, "last")?;
        let replay = (since.is_some() || last.is_some()).then(|| Range {
            since: since.unwrap_or(0),
            last: last.map(|last| usize::try_from(last).unwrap_or(usize::MAX)),
        });
        Ok(Self { ids, replay })
    }

    /// True if the client asks for nothing.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

fn number(query: &Query<'_>, name: &str) -> Result<Option<MessageId>, String> {
    let Some(text) = query.get(name) else {
        return Ok(None);
    };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(Some(number)),
        _ => Err(format!("{name}: expected a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(since: MessageId, last: Option<usize>) -> Option<Range> {
        Some(Range { since, last })
    }

    #[test]
    fn queries() {
        for (query, ids, expected) in [
            ("", false, None),
            ("code=x&%zz=1", false, None),
            ("ids=1", true, None),
            ("ids=0&x=1", false, None),
            ("since=0", false, replay(0, None)),
            (
                "since=1795210500624162&ids=1",
                true,
                replay(1_795_210_500_624_162, None),
            ),
            ("last=0", false, replay(0, Some(0))),
            ("last=10&since=5", false, replay(5, Some(10))),
        ] {
            let wish = Wish {
                ids,
                replay: expected,
            };
            assert_eq!(Wish::parse(query), Ok(wish), "{query}");
            assert_eq!(wish.is_nothing(), !ids && expected.is_none());
        }
        for (query, name) in [
            ("ids=yes", "ids"),
            ("ids=", "ids"),
            ("since=", "since"),
            ("since=-1", "since"),
            ("since=%2B1", "since"),
            ("since=1.5", "since"),
            ("since=99999999999999999999", "since"),
            ("last=all", "last"),
        ] {
            let message = Wish::parse(query).unwrap_err();
            assert!(message.starts_with(name), "{query}: {message}");
        }
    }
}
