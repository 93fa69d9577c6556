//! What a client does after the server closed its socket, by the close code.

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Connect again, with the same token.
    Again,
    /// Connect again with a fresh token.
    WithFreshToken,
    /// Connect again, but wait longer each time.
    WithBackoff,
    /// Do not come back: it would end the same way.
    Never,
}

/// What to do after the socket was closed with `code`, or broke without one. Codes that this client does not know are
/// treated as a broken connection.
pub fn after(code: Option<u16>) -> Return {
    match code {
        Some(4000 | 4001) => Return::Again,
        Some(4401) => Return::WithFreshToken,
        Some(4400 | 4403 | 4408 | 4413 | 4421) => Return::Never,
        // 4429, and whatever breaks: a network, a process, a proxy.
        _ => Return::WithBackoff,
    }
}
