//! Every dependency has a sentence above it that says why it is here.

use anyhow::Result;

use super::Tree;

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    Ok(findings(&tree.text("Cargo.toml")?))
}

/// Looks at `[workspace.dependencies]` of a manifest. Our own crates need no reason.
fn findings(manifest: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut inside = false;
    let mut above = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
        {
            let sentence = above.strip_prefix("# ").is_some_and(|text| text.ends_with('.'));
            if !sentence && !value.contains("path =") {
                findings.push(format!("Cargo.toml: {} has no sentence above it that says why", name.trim()));
            }
        }
        above = line;
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_sentence_of_its_own_is_found() {
        let manifest = "[workspace.dependencies]\nours = { path = \"ours\" }\n# JSON.\nserde_json = \"1\"\nhex = \"0.4\"\n\
            # no sentence\nbytes = \"1\"\n\n[profile.dev]\nopt-level = 1\n";
        let finding = |name| format!("Cargo.toml: {name} has no sentence above it that says why");
        assert_eq!(findings(manifest), [finding("hex"), finding("bytes")]);
    }
}
