//! Access tokens.

use serde::de::IgnoredAny;
use snug_wire::tokens::{Revocation, Token, TokenDraft};

use super::Backend;
use crate::error::Error;

impl Backend {
    /// Makes an access token. It dies with the key that asked.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_token(&self, draft: &TokenDraft) -> Result<Token, Error> {
        self.post(&["tokens"], draft).await
    }

    /// Makes access tokens void, and closes their sessions.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn revoke_tokens(&self, revocation: &Revocation) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["tokens", "revoke"], revocation).await.map(drop)
    }
}
