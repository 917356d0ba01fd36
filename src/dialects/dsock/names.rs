//! Names of channels as they come in lists: with commas between them. A name is never empty and has
//! no comma in it.

/// The names in a list, each once, in the order in which they first stand there.
pub fn split<'a>(lists: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in lists.into_iter().flat_map(|list| list.split(',')) {
        if !name.is_empty() && !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_and_those_that_stand_twice_are_left_out() {
        assert_eq!(split(["a,,b,a"]), ["a", "b"]);
        assert_eq!(split([",", ""]), [""; 0]);
        assert_eq!(split(["b, c", "a,b"]), ["b", " c", "a"]);
    }
}
