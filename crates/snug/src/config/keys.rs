//! The keys of the configuration, as `defaults.toml` lists them: it is the one list, of which variables and flags are made.

use std::sync::LazyLock;

use toml::{Table, Value};

/// The commented defaults.
pub(crate) const DEFAULTS: &str = include_str!("../defaults.toml");

/// Keys whose values are secret: they are masked when printed, and have no flag.
const SECRETS: [&str; 3] = ["master_key.value", "store.postgres_url", "store.postgres_keys_url"];

/// All keys, in the order of the page.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| read(DEFAULTS));

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its path, such as `store.backend`.
    pub(crate) path: String,
    /// Its flag without dashes, such as `store-backend`.
    pub(crate) flag: String,
    /// What it is where nothing is said; its type is that of every value.
    pub(crate) default: Value,
    /// The comment above it, on one line.
    pub(crate) about: String,
}

impl Key {
    /// All keys.
    pub(crate) fn all() -> &'static [Key] {
        &KEYS
    }

    /// The key of a path.
    pub(crate) fn of(path: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// Its variable, such as `SNUG_STORE_BACKEND`.
    pub(crate) fn variable(&self) -> String {
        format!("SNUG_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Whether its value is a secret.
    pub(crate) fn is_secret(&self) -> bool {
        SECRETS.contains(&self.path.as_str())
    }

    /// Its section and its name in it; the section of the first keys is empty.
    pub(crate) fn section_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('.').unwrap_or(("", &self.path))
    }
}

/// Reads the page: the values by the TOML library, and order and comments, which that drops, line by line. It is part of
/// the program, so what is wrong with it shows in every test.
fn read(page: &str) -> Vec<Key> {
    let values: Table = page.parse().expect("defaults.toml is TOML");
    let (mut keys, mut section, mut comment) = (Vec::new(), String::new(), Vec::new());
    for line in page.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, _)) = line.split_once(" = ") {
            let (path, table) = match section.as_str() {
                "" => (name.to_owned(), Some(&values)),
                section => (format!("{section}.{name}"), values.get(section).and_then(Value::as_table)),
            };
            let default = table.and_then(|table| table.get(name)).expect("a key of the page").clone();
            let flag = path.replace(['.', '_'], "-");
            keys.push(Key { path, flag, default, about: comment.join(" ") });
        }
        if !line.starts_with('#') {
            comment.clear();
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_of_the_page_is_known_and_explained() {
        let page: Table = DEFAULTS.parse().unwrap();
        let in_page: usize = page.values().map(|value| value.as_table().map_or(1, Table::len)).sum();
        assert_eq!(Key::all().len(), in_page);
        for key in Key::all() {
            assert!(key.about.ends_with('.') && key.about.len() > 20, "{} has no sentence", key.path);
        }
    }

    #[test]
    fn variables_and_flags_tell_keys_apart() {
        let variables: HashSet<String> = Key::all().iter().map(Key::variable).collect();
        let flags: HashSet<&String> = Key::all().iter().map(|key| &key.flag).collect();
        assert_eq!((variables.len(), flags.len()), (Key::all().len(), Key::all().len()));
        let key = Key::of("store.postgres_keys_url").unwrap();
        assert_eq!(
            (key.variable().as_str(), key.flag.as_str()),
            ("SNUG_STORE_POSTGRES_KEYS_URL", "store-postgres-keys-url")
        );
        assert!(SECRETS.iter().all(|path| Key::of(path).is_some()), "secrets are keys");
    }
}
