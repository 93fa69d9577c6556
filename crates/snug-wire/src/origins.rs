//! Where pages come from.

use serde::{Serialize, Serializer};
use snug_model::{limits::ORIGIN_BYTES_MAX, origins as model};

use crate::{json::lists, strings::strings};

strings! {
    /// The origin of a page, as browsers write it.
    PageOrigin(model::PageOrigin) { None, Some(ORIGIN_BYTES_MAX as usize), None, "https://example.com" };
}

lists! {
    /// Whose pages may talk to the app; empty is those alone that the server itself delivers.
    Origins(PageOrigin) up to APP_ORIGINS_MAX;
}

impl Serialize for PageOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}
