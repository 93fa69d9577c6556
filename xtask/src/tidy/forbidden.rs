//! No stub, no skipped test and no sleeping thread, in code or in tests.

use anyhow::{Context, Result};

use super::{Tree, rust};

/// Tokens in a row that must not stand in any Rust file, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("todo !", "a stub: write it, or leave it out"),
    ("unimplemented !", "a stub: write it, or leave it out"),
    ("# [ ignore", "a skipped test proves nothing: mend it, or remove it"),
    ("thread : : sleep", "wait for a condition, not for a time"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for file in tree.with_suffix(".rs") {
        all.extend(findings(file, &tree.text(file)?).with_context(|| file.to_owned())?);
    }
    Ok(all)
}

fn findings(file: &str, source: &str) -> Result<Vec<String>> {
    let tokens = rust::tokens(source)?;
    let mut findings = Vec::new();
    for (pattern, reason) in FORBIDDEN {
        let shown = pattern.replace(' ', "");
        findings.extend(
            rust::lines_with(&tokens, pattern)
                .iter()
                .map(|line| format!("{file}:{line}: `{shown}`: {reason}")),
        );
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_found_in_code() {
        let source = "fn f() {\n    todo!();\n    std::thread::sleep(second);\n}\n#[test]\n#[ignore = \"slow\"]\nfn g() {}\n\
            fn h() { unimplemented!(\"later\") }\n";
        let lines: Vec<String> = findings("a.rs", source)
            .expect("Rust")
            .iter()
            .filter_map(|finding| finding.split_once(": ").map(|(place, _)| place.to_owned()))
            .collect();
        assert_eq!(lines, ["a.rs:2", "a.rs:8", "a.rs:6", "a.rs:3"]);
    }

    #[test]
    fn words_in_comments_and_strings_are_no_code() {
        let source = "/// Never `todo!()`.\n// #[ignore] thread::sleep\nconst A: &str = \"todo!() #[ignore]\";\n\
            #[expect(unused)]\nfn ignore() { tokio::time::sleep(todo); }\n";
        assert_eq!(findings("a.rs", source).expect("Rust"), [""; 0]);
    }
}
