//! Puts the sources on top of one another.

use super::environment;
use super::error::{ConfigError, ConfigErrors, Place};
use super::file;
use super::form::Form;
use super::keys::{self, FILE_SUFFIX, Key, Target};
use super::nearest::{nearest, suggestion};
use super::node::{Content, Node, Span, quoted};
use super::sources::Sources;
use super::{Config, Loaded, checks};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest secret in bytes; a file that is longer is something else.
const LONGEST_SECRET: u64 = 64 * 1024;

/// See [`Config::load`].
pub(super) fn load(sources: &Sources, file: Option<(&Path, &str)>) -> Result<Loaded, ConfigErrors> {
    let mut loader = Loader::default();
    let file = match file {
        Some((path, text)) => file::load_given(&mut loader, path, text),
        None => file::load(&mut loader, sources),
    };
    environment::load(&mut loader, &sources.environment);
    load_flags(&mut loader, &sources.flags);
    environment::load_port(&mut loader, &sources.environment);
    loader.config.control.resolve(sources);
    loader.finish(file)
}

/// What has been put together so far.
#[derive(Default)]
pub(super) struct Loader {
    config: Config,
    errors: Vec<ConfigError>,
    warnings: Vec<String>,
    places: BTreeMap<&'static str, Place>,
}

/// One source, while it is read.
pub(super) struct Layer<'a> {
    /// Relative paths in this source are relative to this directory.
    pub directory: &'a Path,
    /// The place of something in this source; without a span, that of the key being read.
    pub locate: &'a dyn Fn(&str, &Span) -> Place,
    /// The keys that this source has already given.
    pub seen: HashSet<&'static str>,
}

impl Loader {
    /// Notes an error.
    pub(super) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.errors.push(ConfigError {
            place,
            message: message.into(),
        });
    }

    /// True if a source has given this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Notes something that is probably not meant.
    pub(super) fn warn(&mut self, place: &Place, message: &str) {
        self.warnings.push(format!("{place}: {message}"));
    }

    /// Sets a key. `name` is how the source calls it, `span` where the name stands.
    pub(super) fn assign(
        &mut self,
        layer: &mut Layer<'_>,
        (name, span): (&str, &Span),
        target: Target,
        node: &Node,
    ) {
        let place = (layer.locate)(name, span);
        let key = target.key;
        if !layer.seen.insert(key.name) {
            let message = format!(
                "both {0} and {0}{FILE_SUFFIX} are given; only one of them can count",
                key.name
            );
            return self.error(place, message);
        }
        let (secret, path);
        let node = if target.from_file {
            let text = read_secret(node, layer.directory);
            match text.and_then(|text| key.form.read_file(text)) {
                Ok(read) => {
                    secret = read;
                    &secret
                }
                Err(message) => {
                    return self.error(place, described(key.name, FILE_SUFFIX, &message));
                }
            }
        } else {
            if key.is_secret() && node.content == Content::Text(String::new()) {
                self.warn_of_empty_secret(&place, key);
            }
            match &node.content {
                Content::Text(name) if key.form == Form::Path && !name.is_empty() => {
                    let name = layer.directory.join(name);
                    path = Node::text(name.to_string_lossy());
                    &path
                }
                _ => node,
            }
        };
        if let Err(faults) = key.set(&mut self.config, node) {
            for fault in faults.0 {
                let place = match fault.span {
                    Some(_) => (layer.locate)(name, &fault.span),
                    None => place.clone(),
                };
                // The place of a flag is its key.
                let message = match &place {
                    Place::CommandLine(flag) if flag == key.name => fault.message,
                    _ => described(key.name, "", &fault.message),
                };
                self.error(place, message);
            }
        }
        self.places.insert(key.name, place);
    }

    /// In a file an empty secret is a deliberate "open"; in a variable it is more often one that
    /// was meant to be filled in.
    fn warn_of_empty_secret(&mut self, place: &Place, key: &Key) {
        if matches!(place, Place::Environment(_)) {
            let message = format!("the variable is empty, so {} is not set", key.name);
            self.warn(place, &message);
        }
    }

    /// What has gone wrong so far.
    pub(super) fn into_errors(self) -> Result<(), ConfigErrors> {
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(ConfigErrors(self.errors)),
        }
    }

    fn finish(mut self, file: Option<std::path::PathBuf>) -> Result<Loaded, ConfigErrors> {
        // Values that could not be read have already been told; their defaults would only confuse.
        if self.errors.is_empty() {
            for violation in checks::violations(&self.config) {
                let place = violation
                    .keys
                    .iter()
                    .find_map(|key| self.places.get(*key))
                    .cloned()
                    .unwrap_or(Place::Default);
                self.error(place, violation.message);
            }
        }
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        self.warnings.extend(checks::warnings(&self.config));
        Ok(Loaded {
            config: self.config,
            file,
            warnings: self.warnings,
            places: self.places,
        })
    }
}

fn described(name: &str, suffix: &str, message: &str) -> String {
    format!("{name}{suffix}: {message}")
}

/// The secret in a file, less the line break at its end.
fn read_secret(node: &Node, directory: &Path) -> Result<String, String> {
    let name = node
        .as_text("the path of a file")
        .map_err(|fault| fault.message)?;
    let path = directory.join(name);
    let text = read_bounded(&path, LONGEST_SECRET)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("{} is empty, a secret was expected", quoted(name)));
    }
    Ok(secret.to_owned())
}

/// A text file of at most `longest` bytes.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub(super) fn read_bounded(path: &Path, longest: u64) -> Result<String, String> {
    let failed = |error: io::Error| {
        format!(
            "cannot read {}: {error}",
            quoted(&path.display().to_string())
        )
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(longest + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    let named = || quoted(&path.display().to_string());
    if bytes.len() as u64 > longest {
        return Err(format!("{} is longer than {longest} bytes", named()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        format!("{} is not UTF-8 at byte {valid}", named())
    })
}

fn load_flags(loader: &mut Loader, flags: &[(String, String)]) {
    let locate = |name: &str, _: &Span| Place::CommandLine(name.to_owned());
    let mut layer = Layer {
        directory: Path::new(""),
        locate: &locate,
        seen: HashSet::new(),
    };
    let mut done = HashSet::new();
    for (name, _) in flags {
        if done.insert(name) {
            let values = flags.iter().filter(|(other, _)| other == name);
            let values: Vec<_> = values.map(|(_, value)| value.as_str()).collect();
            load_flag(loader, &mut layer, name, &values);
        }
    }
}

fn load_flag(loader: &mut Loader, layer: &mut Layer<'_>, name: &str, values: &[&str]) {
    let place = Place::CommandLine(name.to_owned());
    let Some(target) = Target::of(name) else {
        return loader.error(place, unknown_key(name));
    };
    if target.key.is_secret() && !target.from_file {
        let message = format!(
            "secrets are not taken from the command line, where other users see them; \
             give a file with {name}{FILE_SUFFIX}, or {}",
            keys::environment_name(name)
        );
        return loader.error(place, message);
    }
    match read_flag(target, values) {
        Ok(node) => loader.assign(layer, (name, &None), target, &node),
        Err(message) => loader.error(place, message),
    }
}

fn read_flag(target: Target, values: &[&str]) -> Result<Node, String> {
    let read = |text: &&str| {
        if target.from_file {
            Ok(Node::text(*text))
        } else {
            target.key.form.read_text(text)
        }
    };
    if target.key.form != Form::Listeners {
        return values.last().map_or_else(|| Ok(Node::text("")), read);
    }
    let mut listeners = Vec::new();
    for value in values {
        match read(value)?.content {
            Content::List(mut more) => listeners.append(&mut more),
            other => return Err(format!("expected listeners, not {}", other.name())),
        }
    }
    Ok(Node::new(Content::List(listeners)))
}

/// The error for a key on the command line that nobody knows.
pub(super) fn unknown_flag(name: &str) -> ConfigError {
    ConfigError {
        place: Place::CommandLine(name.to_owned()),
        message: unknown_key(name),
    }
}

/// The message for a key that nobody knows: a near name, or the same name in another section.
pub(super) fn unknown_key(name: &str) -> String {
    let names: Vec<String> = Target::all().map(|(name, _)| name).collect();
    let elsewhere = || {
        let (_, field) = name.split_once('.')?;
        names.iter().map(String::as_str).find(|known| {
            known
                .split_once('.')
                .is_some_and(|(_, known)| known == field)
        })
    };
    let meant = nearest(name, names.iter().map(String::as_str)).or_else(elsewhere);
    format!("unknown key {}{}", quoted(name), suggestion(meant))
}
