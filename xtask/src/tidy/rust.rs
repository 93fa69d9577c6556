//! Rust source as tokens, so that no check is misled by a comment or a string.

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

/// A token with its line, counted from 1. A group is flattened to its opening mark, its content and its closing mark.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// Cuts `source` into tokens. Comments are none; a doc comment is an attribute, whose text is one token.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>> {
    let stream: TokenStream = source.parse().map_err(|error| anyhow!("no Rust: {error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = marks(group.delimiter());
                into.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), into);
                into.push(Token { text: close.to_owned(), line: group.span_close().end().line });
            }
            leaf => into.push(Token { text: leaf.to_string(), line }),
        }
    }
}

fn marks(delimiter: proc_macro2::Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        proc_macro2::Delimiter::Parenthesis => ("(", ")"),
        proc_macro2::Delimiter::Brace => ("{", "}"),
        proc_macro2::Delimiter::Bracket => ("[", "]"),
        proc_macro2::Delimiter::None => ("", ""),
    }
}

/// The lines at which the tokens of `pattern` (separated by spaces) stand in a row.
pub(super) fn lines_with(tokens: &[Token], pattern: &str) -> Vec<usize> {
    let pattern: Vec<&str> = pattern.split(' ').collect();
    let stands =
        |window: &&[Token]| window.iter().map(|token| token.text.as_str()).eq(pattern.iter().copied());
    tokens.windows(pattern.len()).filter(stands).map(|window| window[0].line).collect()
}

/// The methods that the trait `name` declares, in order, or `None` if `tokens` declare no such trait.
pub(super) fn trait_methods<'a>(tokens: &'a [Token], name: &str) -> Option<Vec<&'a str>> {
    let declared = |pair: &[Token]| pair[0].text == "trait" && pair[1].text == name;
    let at = tokens.windows(2).position(declared)?;
    let body = at + tokens[at..].iter().position(|token| token.text == "{")?;
    let mut depth = 0;
    let mut methods = Vec::new();
    for pair in tokens[body..].windows(2) {
        match pair[0].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            "fn" if depth == 1 => methods.push(pair[1].text.as_str()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    Some(methods)
}

/// The methods that are called on something named `receiver`: `receiver.method(…)` or `receiver().method(…)`.
pub(super) fn calls_on<'a>(tokens: &'a [Token], receiver: &str) -> Vec<&'a str> {
    let mut called = Vec::new();
    for at in (0..tokens.len()).filter(|at| tokens[*at].text == ".") {
        let before = |back: usize| at.checked_sub(back).map_or("", |at| tokens[at].text.as_str());
        let after = |on: usize| tokens.get(at + on).map_or("", |token| token.text.as_str());
        let on_it = before(1) == receiver || (before(3), before(2), before(1)) == (receiver, "(", ")");
        if on_it && after(2) == "(" {
            called.push(after(1));
        }
    }
    called
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_know_their_lines_and_skip_comments() {
        let tokens = tokens("// one\nfn two() {\n    /* three */ four::five();\n}\n").expect("Rust");
        assert_eq!(lines_with(&tokens, "four : : five"), [3]);
        assert_eq!(lines_with(&tokens, "fn two"), [2]);
        assert_eq!(lines_with(&tokens, "three"), [0; 0]);
    }

    #[test]
    fn methods_are_those_that_the_trait_itself_declares() {
        let source = "fn free() {}\n#[async_trait]\npub trait Store: Send { fn one(&self, f: fn(u8)) -> [u8; 2];\n\
            /// fn not() \n async fn two(&self) { fn inner() {} } }\ntrait Stored { fn other(); }";
        let tokens = tokens(source).expect("Rust");
        assert_eq!(trait_methods(&tokens, "Store"), Some(vec!["one", "two"]));
        assert_eq!(trait_methods(&tokens, "Stored"), Some(vec!["other"]));
        assert_eq!(trait_methods(&tokens, "Stores"), None);
    }

    #[test]
    fn calls_are_told_by_their_receiver() {
        let source = "fn f() { world.store.one(a); world.store()\n.two(b).await; keys.three(); store.field; other.four(); \
            restore.five(); \"store.six()\"; assert_eq!(store.seven().await, 1); }";
        let tokens = tokens(source).expect("Rust");
        assert_eq!(calls_on(&tokens, "store"), ["one", "two", "seven"]);
        assert_eq!(calls_on(&tokens, "keys"), ["three"]);
    }
}
