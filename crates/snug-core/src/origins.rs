//! Which pages may talk to an app.

use snug_model::AppId;

use crate::{Core, Error, Result};

impl Core {
    /// Whether a page of that origin may talk to an app: its list has the origin; without a list, the page is one that this
    /// server itself delivers.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown app.
    pub async fn allows_origin(&self, app: &AppId, origin: &str, own: bool) -> Result<bool> {
        let app = self.app_by_id(app, false).await?.ok_or(Error::Unauthenticated)?;
        Ok(match app.origins.as_slice() {
            [] => own,
            origins => origins.iter().any(|allowed| allowed.as_str() == origin),
        })
    }
}
