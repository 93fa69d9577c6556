//! API keys.

use snug_wire::ids::KeyId;
use snug_wire::keys::{ApiKey, KeyDraft, NewApiKey};
use snug_wire::paging::{Page, PageQuery};

use super::Backend;
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's keys, without their secrets.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn keys(&self, query: &PageQuery) -> Result<Page<ApiKey>, Error> {
        self.get(&["keys"], Some(query)).await
    }

    /// Makes a key. Its secret is in the answer, and nowhere else ever again.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_key(&self, draft: &KeyDraft) -> Result<NewApiKey, Error> {
        self.post(&["keys"], draft).await
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_key(&self, key: &KeyId) -> Result<(), Error> {
        self.delete_silently(&["keys", key.as_str()], NOTHING).await
    }
}
