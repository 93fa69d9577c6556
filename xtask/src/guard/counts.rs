//! `guard.toml`: what a turn of each path is to take, why it is that much, and what it was counted with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::PATHS;

/// The file, at the root of the tree.
pub(crate) const FILE: &str = "guard.toml";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// The tools that counts depend on, each with its version.
    pub(crate) counted_with: BTreeMap<String, String>,
    /// By the path's name.
    pub(crate) paths: BTreeMap<String, Count>,
}

/// What the file says of one path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Count {
    /// Instructions of a turn.
    pub(crate) instructions: u64,
    /// Why it is that much: a sentence of whoever changed it last.
    pub(crate) reason: String,
}

impl Counts {
    /// Reads the file's text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut table: toml::Table = text.parse().with_context(|| format!("{FILE} is not TOML"))?;
        let mut counts = Self::default();
        if let Some(tools) = table.remove("counted_with") {
            for (tool, version) in tools.try_into::<toml::Table>()? {
                let version = version.as_str().with_context(|| format!("{FILE}: {tool} is no text"))?;
                counts.counted_with.insert(tool, version.to_owned());
            }
        }
        for (path, entry) in table {
            let instructions = entry.get("instructions").and_then(toml::Value::as_integer);
            let reason = entry.get("reason").and_then(toml::Value::as_str);
            let count = instructions.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
            let (Some(instructions), Some(reason)) = (count, reason) else {
                anyhow::bail!("{FILE}: {path} needs `instructions`, a number above 0, and a `reason`");
            };
            counts.paths.insert(path, Count { instructions, reason: reason.to_owned() });
        }
        Ok(counts)
    }

    /// The file's text.
    pub(crate) fn print(&self) -> String {
        let mut text = HEADER.to_owned();
        text.push_str("\n[counted_with]\n");
        for (tool, version) in &self.counted_with {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{tool} = {}", quoted(version));
        }
        for path in PATHS {
            let Some(count) = self.paths.get(path.name) else { continue };
            let _ = writeln!(text, "\n# A turn: {}.\n[{}]", path.turn, path.name);
            let _ = writeln!(text, "instructions = {}", grouped(count.instructions, '_'));
            let _ = writeln!(text, "reason = {}", quoted(&count.reason));
        }
        text
    }

    /// What is wrong with the entries: one for each path, each with a sentence as its reason.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for path in PATHS.iter().filter(|path| !self.paths.contains_key(path.name)) {
            findings.push(format!("{FILE} has no count of {}", path.name));
        }
        for (name, count) in &self.paths {
            if PATHS.iter().all(|path| path.name != name) {
                findings.push(format!("{FILE}: nobody counts {name}"));
            }
            if !is_sentence(&count.reason) {
                findings.push(format!("{FILE}: the reason of {name} is no sentence"));
            }
        }
        findings
    }

    /// Paths whose count changed since `before` while their reason did not.
    pub(crate) fn changed_without_reason(&self, before: &Self) -> Vec<String> {
        let unexplained = |(name, now): (&String, &Count)| {
            let before = before.paths.get(name)?;
            let silent = before.instructions != now.instructions && before.reason == now.reason;
            silent.then(|| format!("{FILE}: the count of {name} changed, and its reason did not"))
        };
        self.paths.iter().filter_map(unexplained).collect()
    }

    /// Takes `instructions` for a path, with its reason.
    pub(crate) fn accept(&mut self, path: &str, instructions: u64, reason: &str) -> Result<()> {
        ensure!(is_sentence(reason), "the reason is to be a sentence, with its full stop");
        let old = self.paths.get(path);
        ensure!(
            old.is_none_or(|old| old.instructions == instructions || old.reason != reason),
            "{path} has this reason already; say what changed now"
        );
        let count = Count { instructions, reason: reason.to_owned() };
        self.paths.insert(path.to_owned(), count);
        Ok(())
    }
}

fn is_sentence(text: &str) -> bool {
    text.ends_with('.') && text.split_whitespace().count() > 1 && !text.contains('\n')
}

fn quoted(text: &str) -> toml::Value {
    toml::Value::String(text.to_owned())
}

/// A number with `separator` between its thousands.
pub(crate) fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

const HEADER: &str = "\
# How many instructions a turn of each hot path takes, counted by callgrind. `cargo xtask test` counts again, and fails
# where a path takes over 5 percent more. A change that is worth it is accepted by `cargo xtask guard --accept \"<reason>\"`,
# which writes this file; it goes into the same commit, and a changed count needs a new reason.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entries: &[(&str, u64, &str)]) -> Counts {
        let entry = |(path, instructions, reason): &(&str, u64, &str)| {
            ((*path).to_owned(), Count { instructions: *instructions, reason: (*reason).to_owned() })
        };
        let counted_with = [("rustc".to_owned(), "rustc \"1\"".to_owned())].into();
        Counts { counted_with, paths: entries.iter().map(entry).collect() }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let counts = counts(&[("decide", 1_234_567, "Says \"so\"."), ("append", 12, "The first count.")]);
        let text = counts.print();
        assert!(text.contains("\n[decide]\ninstructions = 1_234_567\n"), "{text}");
        assert_eq!(Counts::parse(&text).expect("our own text"), counts);
    }

    #[test]
    fn an_entry_without_count_or_reason_is_refused() {
        for entry in
            ["instructions = 1", "reason = \"So it is.\"", "instructions = 0\nreason = \"So it is.\""]
        {
            let error = Counts::parse(&format!("[decide]\n{entry}\n")).expect_err("a part is missing");
            let wanted = "guard.toml: decide needs `instructions`, a number above 0, and a `reason`";
            assert_eq!(error.to_string(), wanted, "{entry}");
        }
    }

    #[test]
    fn each_path_has_one_entry_with_a_sentence() {
        let mut entries: Vec<_> = PATHS.iter().map(|path| (path.name, 1, "So it is.")).collect();
        assert_eq!(counts(&entries).findings(), [""; 0]);
        entries[0] = ("other", 1, "because");
        let wanted = [
            format!("guard.toml has no count of {}", PATHS[0].name),
            "guard.toml: nobody counts other".to_owned(),
            "guard.toml: the reason of other is no sentence".to_owned(),
        ];
        assert_eq!(counts(&entries).findings(), wanted);
    }

    #[test]
    fn a_changed_count_needs_a_new_reason() {
        let before = counts(&[("decide", 100, "The first count.")]);
        let silent = counts(&[("decide", 110, "The first count.")]);
        let wanted = "guard.toml: the count of decide changed, and its reason did not";
        assert_eq!(silent.changed_without_reason(&before), [wanted]);
        let said = counts(&[("decide", 110, "It looks twice."), ("seal", 5, "The first count.")]);
        assert_eq!(said.changed_without_reason(&before), [""; 0]);
        assert_eq!(before.changed_without_reason(&before), [""; 0]);
    }

    #[test]
    fn a_count_is_accepted_with_a_sentence_that_is_new() {
        let mut counts = counts(&[("decide", 100, "The first count.")]);
        for reason in ["", "because", "no full stop", "The first count."] {
            assert!(counts.accept("decide", 110, reason).is_err(), "{reason:?}");
        }
        counts.accept("decide", 110, "It looks twice.").expect("a reason");
        assert_eq!(counts.paths["decide"], Count { instructions: 110, reason: "It looks twice.".to_owned() });
    }
}
