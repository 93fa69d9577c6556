//! The conformance suite, which runs on both backends, calls every method of the store's traits.

use anyhow::{Context, Result};

use super::{Tree, rust};

/// A trait, and how the suite names what implements it.
struct Covered {
    name: &'static str,
    receiver: &'static str,
}

const CONTRACT: &str = "crates/snug-store/src/contract/";
/// The suite, and the bench that it works on, which counts the rows that an act reads.
const SUITE: &str = "crates/snug-store/tests/it/";
const COVERED: &[Covered] =
    &[Covered { name: "Store", receiver: "store" }, Covered { name: "KeyStore", receiver: "keys" }];

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    findings(&tree.tokens_below(CONTRACT)?, &tree.tokens_below(SUITE)?)
}

fn findings(contract: &[rust::Token], suite: &[rust::Token]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for Covered { name, receiver } in COVERED {
        let methods =
            rust::trait_methods(contract, name).with_context(|| format!("{CONTRACT} has no trait {name}"))?;
        let called = rust::calls_on(suite, receiver);
        let missing = methods.iter().filter(|method| !called.contains(method));
        findings
            .extend(missing.map(|method| format!("{SUITE} never calls {receiver}.{method}(), of {name}")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(suite: &str) -> Vec<String> {
        let contract =
            "trait Store { fn append(&self); fn ready(&self); } trait KeyStore { fn ready(&self); }";
        let tokens = |source| rust::tokens(source).expect("Rust");
        findings(&tokens(contract), &tokens(suite)).expect("both traits are there")
    }

    #[test]
    fn a_method_that_the_suite_never_calls_is_found() {
        let all = "fn a() { world.store.append(); store.ready(); keys.ready(); }";
        assert_eq!(found(all), [""; 0]);
        assert_eq!(
            found(&all.replace("store.append()", "append()")),
            [format!("{SUITE} never calls store.append(), of Store")]
        );
        assert_eq!(
            found(&all.replace("keys.ready()", "")),
            [format!("{SUITE} never calls keys.ready(), of KeyStore")]
        );
    }

    #[test]
    fn a_trait_that_is_not_found_is_an_error() {
        assert!(findings(&[], &[]).is_err());
    }
}
