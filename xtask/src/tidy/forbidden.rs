//! No stub, no skipped test and no sleeping thread, in code or in tests.

use anyhow::{Context, Result};

use super::{Tree, rust};

/// Tokens in a row that must not stand in Rust code.
struct Forbidden {
    tokens: &'static str,
    reason: &'static str,
    /// Whether only tests are searched.
    in_tests_only: bool,
    /// The one file that may, where there is one.
    except: Option<&'static str>,
}

const STUB: Forbidden = Forbidden {
    tokens: "todo !",
    reason: "a stub: write it, or leave it out",
    in_tests_only: false,
    except: None,
};

const FORBIDDEN: &[Forbidden] = &[
    STUB,
    Forbidden { tokens: "unimplemented !", ..STUB },
    Forbidden {
        tokens: "# [ ignore",
        reason: "a skipped test proves nothing: mend it, or remove it",
        ..STUB
    },
    Forbidden {
        tokens: "thread : : sleep",
        reason: "wait for a condition, not for a time",
        // Looks at a condition that another process brings about, and pauses between two looks.
        except: Some("crates/snug-rig/src/wait.rs"),
        ..STUB
    },
    Forbidden {
        tokens: "time : : sleep",
        reason: "wait for a condition, not for a time",
        in_tests_only: true,
        except: None,
    },
];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for file in tree.with_suffix(".rs") {
        all.extend(findings(file, &tree.text(file)?).with_context(|| file.to_owned())?);
    }
    Ok(all)
}

fn findings(file: &str, source: &str) -> Result<Vec<String>> {
    let code = rust::tokens(source)?;
    let is_test = file.starts_with("tests/") || file.contains("/tests/");
    let mut findings = Vec::new();
    for Forbidden { tokens, reason, in_tests_only, except } in FORBIDDEN {
        if *in_tests_only && !is_test || *except == Some(file) {
            continue;
        }
        let shown = tokens.replace(' ', "");
        let lines = rust::lines_with(&code, tokens);
        findings.extend(lines.iter().map(|line| format!("{file}:{line}: `{shown}`: {reason}")));
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
    fn a_test_does_not_sleep_and_one_file_may_pause() {
        let count = |file, source| findings(file, source).expect("Rust").len();
        let (timer, thread) =
            ("fn f() { tokio::time::sleep(second).await }", "fn f() { thread::sleep(second) }");
        assert_eq!(count("crates/snug-core/src/jobs.rs", timer), 0);
        assert_eq!(count("crates/snug-core/tests/it/jobs.rs", timer), 1);
        assert_eq!(count("crates/snug-rig/src/wait.rs", thread), 0);
        assert_eq!(count("crates/snug-rig/src/postgres.rs", thread), 1);
    }

    #[test]
    fn words_in_comments_and_strings_are_no_code() {
        let source = "/// Never `todo!()`.\n// #[ignore] thread::sleep\nconst A: &str = \"todo!() #[ignore]\";\n\
            #[expect(unused)]\nfn ignore() { tokio::time::sleep(todo); }\n";
        assert_eq!(findings("a.rs", source).expect("Rust"), [""; 0]);
    }
}
