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
}
