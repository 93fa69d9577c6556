//! What people write, as strings with a limit in bytes.

use serde::{Serialize, Serializer};
use snug_model::{
    limits::{NAME_BYTES_MAX, REASON_BYTES_MAX, TEXT_BYTES_MAX, URL_BYTES_MAX},
    text as model,
};

use crate::strings::strings;

strings! {
    /// The text of a message: at most 16 KiB of UTF-8.
    Text(model::Text) { None, Some(TEXT_BYTES_MAX as usize), None, "hi" };
    /// A name for people to read: at most 256 bytes of UTF-8.
    Name(model::Name) { None, Some(NAME_BYTES_MAX as usize), None, "Ann" };
    /// The name of a role: 1 to 256 bytes of UTF-8.
    RoleName(model::RoleName) { Some(1), Some(NAME_BYTES_MAX as usize), None, "member" };
    /// The address of an image: 1 to 2,048 bytes of UTF-8.
    ImageUrl(model::ImageUrl) { Some(1), Some(URL_BYTES_MAX as usize), None, "https://example.com/ann.png" };
    /// What the customer's own program calls a member: at most 256 bytes of UTF-8.
    Label(model::Label) { None, Some(NAME_BYTES_MAX as usize), None, "buyer" };
    /// Why somebody was banned: at most 1 KiB of UTF-8.
    Reason(model::Reason) { None, Some(REASON_BYTES_MAX as usize), None, "spam" };
    /// A bot's name: 1 to 256 bytes of UTF-8.
    BotName(model::BotName) { Some(1), Some(NAME_BYTES_MAX as usize), None, "Helper" };
    /// An emoji, or one of the app's own reactions: 1 to 256 bytes of UTF-8.
    Emoji(model::Emoji) { Some(1), Some(NAME_BYTES_MAX as usize), None, "👍" };
}

macro_rules! serialize_as_str {
    ($($name:ident)+) => {$(
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }
    )+};
}

serialize_as_str! { Text Name RoleName ImageUrl Label Reason BotName Emoji }
