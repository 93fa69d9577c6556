//! Registered public keys.

use snug_wire::ids::KeyId;
use snug_wire::paging::{Page, PageQuery};
use snug_wire::token_keys::{TokenKey, TokenKeyDraft};

use super::Backend;
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's registered public keys.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn token_keys(&self, query: &PageQuery) -> Result<Page<TokenKey>, Error> {
        self.get(&["token_keys"], Some(query)).await
    }

    /// Registers a public key, which vouches for tokens that are signed with the private one.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_token_key(&self, draft: &TokenKeyDraft) -> Result<TokenKey, Error> {
        self.post(&["token_keys"], draft).await
    }

    /// A registered public key.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn token_key(&self, key: &KeyId) -> Result<TokenKey, Error> {
        self.get(&["token_keys", key.as_str()], NOTHING).await
    }

    /// Deletes a registered public key.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_token_key(&self, key: &KeyId) -> Result<(), Error> {
        self.delete_silently(&["token_keys", key.as_str()], NOTHING).await
    }
}
