//! `Cookie` fields (RFC 6265 section 4.2.1).

/// The names and values in all `Cookie` fields of a request, in their order, as they came: nothing
/// is decoded and no quotes are taken off. White space belongs to a value, except behind a
/// semicolon. What has no equals sign is passed over, since a page may share its host with
/// programs that set anything.
pub fn pairs<'a>(
    fields: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    fields
        .into_iter()
        .flat_map(|field| field.split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let pair = pair.trim_ascii_start();
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = pair.split_at(equals);
            Some((name, value.get(1..)?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_all_fields() {
        type Case = (
            &'static [&'static str],
            &'static [(&'static str, &'static str)],
        );
        let cases: [Case; 6] = [
            (&[], &[]),
            (&["a=1"], &[("a", "1")]),
            (
                &["a=1; b=2;c=3", " d = 4 ;"],
                &[("a", "1"), ("b", "2"), ("c", "3"), ("d ", " 4 ")],
            ),
            (&["a=b=c; =d; e="], &[("a", "b=c"), ("", "d"), ("e", "")]),
            (&["x; ;; a=\"1\""], &[("a", "\"1\"")]),
            (&["a=%41+B"], &[("a", "%41+B")]),
        ];
        for (fields, expected) in cases {
            let found: Vec<_> = pairs(fields.iter().map(|field| field.as_bytes())).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
                .collect();
            assert_eq!(found, expected, "{fields:?}");
        }
    }
}
