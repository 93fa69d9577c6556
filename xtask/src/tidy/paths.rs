//! Documents name only what exists: paths in ARCHITECTURE.md, and links in every Markdown file.

use anyhow::Result;

use super::Tree;

/// The document in which every path in backticks must exist.
const MAP: &str = "ARCHITECTURE.md";

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let exists = |path: &str| tree.has(path);
    for file in tree.with_suffix(".md") {
        let text = tree.text(file)?;
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        all.extend(
            dead_links(&text, folder, exists).map(|link| format!("{file}: the link {link} leads nowhere")),
        );
    }
    let map = tree.text(MAP)?;
    for span in code_spans(&map).filter(|span| is_path(span)) {
        let (path, item) = span.split_once("::").map_or((span, None), |(path, item)| (path, Some(item)));
        // A name alone is that of a file which every layer has.
        let exists = tree.has(path) || !path.contains('/') && tree.has_named(path);
        if !exists {
            all.push(format!("{MAP}: {path} does not exist"));
        } else if let Some(item) = item
            && !defines(&tree.text(path)?, item)
        {
            all.push(format!("{MAP}: {path} does not define {item}"));
        }
    }
    Ok(all)
}

/// The text between single backticks, outside fenced blocks.
fn code_spans(markdown: &str) -> impl Iterator<Item = &str> {
    outside_fences(markdown).flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn outside_fences(markdown: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    markdown.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Whether a span of code means a file or folder of this tree: it has a slash inside, or a file's ending, and is no
/// route (which begins with a slash), pattern or command.
fn is_path(span: &str) -> bool {
    let name = span.split_once("::").map_or(span, |(path, _)| path);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let ending = [".json", ".md", ".rs", ".sql", ".toml", ".txt"].iter().any(|ending| name.ends_with(ending));
    plain && !name.starts_with(['/', '-']) && !name.starts_with("..") && (name.contains('/') || ending)
}

/// Whether Rust source defines a function, type or trait `item`.
fn defines(source: &str, item: &str) -> bool {
    let keywords = ["fn", "struct", "enum", "trait", "type", "const", "mod", "macro_rules!"];
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    keywords.iter().any(|keyword| {
        let definition = format!("{keyword} {item}");
        source.match_indices(&definition).any(|(at, _)| ends(&source[at + definition.len()..]))
    })
}

/// The targets of relative links `[text](target)` in a document in `folder` for which `exists` says no.
fn dead_links<'a>(
    markdown: &'a str,
    folder: &'a str,
    exists: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = &'a str> {
    let targets = outside_fences(markdown).flat_map(|line| {
        line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
    });
    targets.filter(move |target| {
        let path = target.split('#').next().unwrap_or(target);
        let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
        !elsewhere && !exists(&resolve(folder, path))
    })
}

/// `path` as seen from `folder`, without `.` and `..`.
fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_other_code() {
        for path in
            ["crates/snug-core/src/hub.rs", "Cargo.toml", "crates/snug", "src/a.rs::send", "crates/snug/"]
        {
            assert!(is_path(path), "{path}");
        }
        for other in
            ["send", "GET /v1/apps", "/healthz", "snug serve", "a::b", "crates/*/src", "../shared", "--in/x"]
        {
            assert!(!is_path(other), "{other}");
        }
    }

    #[test]
    fn spans_are_read_outside_fenced_blocks() {
        let markdown = "See `a.rs` and `b/c`.\n```text\n`not/this`\n```\nThen `d.rs::send`.";
        assert_eq!(code_spans(markdown).collect::<Vec<_>>(), ["a.rs", "b/c", "d.rs::send"]);
    }

    #[test]
    fn an_item_is_defined_by_its_whole_name() {
        let source = "pub async fn send_signed() {}\npub struct Hub;\n";
        assert!(defines(source, "send_signed") && defines(source, "Hub"));
        assert!(!defines(source, "send") && !defines(source, "signed"));
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let exists = |path: &str| ["README.md", "docs/a.md"].contains(&path);
        let text = "[a](../README.md) [b](a.md#top) [c](#here) [d](https://example.com/x) [e](b.md) [f](../docs/c.md)";
        assert_eq!(dead_links(text, "docs", exists).collect::<Vec<_>>(), ["b.md", "../docs/c.md"]);
    }
}
