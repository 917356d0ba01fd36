//! Names of channels as they come in lists: with commas between them. A name is never empty and has
//! no comma in it.

use std::collections::HashSet;

/// The names in a list, each once, in the order in which they first stand there.
pub fn split<'a>(lists: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    lists
        .into_iter()
        .flat_map(|list| list.split(','))
        .filter(|name| !name.is_empty() && seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

/// Some names, none twice, that many lists are compared with.
#[derive(Debug)]
pub struct NameSet<'a> {
    list: &'a [String],
    set: HashSet<&'a str>,
}

impl<'a> NameSet<'a> {
    /// The names of a list that has none twice.
    pub fn new(list: &'a [String]) -> Self {
        let set = list.iter().map(String::as_str).collect();
        Self { list, set }
    }

    /// True if this is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.set.contains(name)
    }

    /// Those that are not among `others`, which has none twice.
    pub fn missing<'b>(&self, others: impl Iterator<Item = &'b str> + Clone) -> Vec<&'a str> {
        let common = others.filter(|name| self.contains(name));
        if common.clone().count() == self.list.len() {
            return Vec::new();
        }
        let common: HashSet<&str> = common.collect();
        let names = self.list.iter().map(String::as_str);
        names.filter(|name| !common.contains(name)).collect()
    }
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

    #[test]
    fn missing_names_keep_their_order() {
        let names = split(["c,a,b"]);
        let set = NameSet::new(&names);
        assert_eq!(set.missing(["x", "a"].into_iter()), ["c", "b"]);
        assert_eq!(set.missing([].into_iter()), ["c", "a", "b"]);
        assert!(set.missing(["b", "x", "a", "c"].into_iter()).is_empty());
    }
}
