//! The nearest known name to one that is not known.

/// The candidate that `name` most probably was meant to be, if one is near enough.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let farthest = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&name, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "x"?`, or nothing.
pub(super) fn suggestion(meant: Option<&str>) -> String {
    meant
        .map(|name| format!("; did you mean \"{name}\"?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["limits.message", "limits.messages", "topics.message"];
        for (name, meant) in [
            ("limts.message", Some("limits.message")),
            ("limits.mesages", Some("limits.messages")),
            ("LIMITS.MESSAGE", Some("limits.message")),
            ("tpoics.message", Some("topics.message")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
    }
}
