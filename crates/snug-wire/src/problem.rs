//! Errors: problem documents (RFC 9457) on REST, and their short form on the socket.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, Timestamp, consents as model};
use utoipa::ToSchema;

use crate::{consents::Consent, time::Time};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal, $title:literal, $detail:literal;)+) => {
        /// What is wrong, for programs. Codes are never renamed, and what each says stays.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $(#[doc = $detail] $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code as it travels.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The HTTP status that goes with it, if nothing more is known.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// What kind of problem it is, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What to say where nothing more particular is known.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $detail,)+ }
            }
        }
    };
}

codes! {
    Invalid = "invalid", 400, "Invalid request",
        "The request cannot be read, has an unknown field, or is over a limit.";
    Unauthenticated = "unauthenticated", 401, "Not authenticated",
        "There is no credential, or one that is wrong, expired or revoked.";
    Forbidden = "forbidden", 403, "Forbidden", "You may see this, but not do that.";
    Banned = "banned", 403, "Banned", "You are banned.";
    ConsentRequired = "consent_required", 403, "Consent required", "A text must be consented to first.";
    NotFound = "not_found", 404, "Not found", "It does not exist, or you may not see it.";
    Conflict = "conflict", 409, "Conflict", "The id is taken, or the state is not the one that was expected.";
    Gone = "gone", 410, "Gone", "The message was purged.";
    Misdirected = "misdirected", 421, "Misdirected", "The app lives in another region.";
    Refused = "refused", 422, "Refused", "The content was refused.";
    RateLimited = "rate_limited", 429, "Too many requests", "Too many requests: wait, then try again.";
    Unavailable = "unavailable", 503, "Unavailable", "Nothing was done: try again.";
    Internal = "internal", 500, "Internal error", "Something broke on our side.";
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem, as a reference that can be opened.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/not_found")]
    pub kind: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence, for people.
    pub detail: String,
    /// What is wrong, for programs.
    pub code: Code,
    /// What may go with it.
    #[serde(flatten)]
    pub more: ProblemExtensions,
}

/// An error on the socket: the short form of a problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SocketProblem {
    /// What is wrong, for programs.
    pub code: Code,
    /// This occurrence, for people.
    pub message: String,
    /// What may go with it.
    #[serde(flatten)]
    pub more: ProblemExtensions,
}

/// What may go with an error: the extension members of its problem document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ProblemExtensions {
    /// With `forbidden`: the permission, or the key's scope, that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub permission: Option<String>,
    /// With `invalid`: the path of the field or the name of the parameter; left out where it is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub field: Option<String>,
    /// With `rate_limited`: after how many milliseconds to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub retry_after_ms: Option<u64>,
    /// With `misdirected`: where the app's region is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub location: Option<String>,
    /// With `banned`, and with `forbidden` to who is muted: when it ends; left out where it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Time, required = false)]
    pub until: Option<Time>,
    /// With `consent_required`: what is to be shown, and accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Consent, required = false)]
    pub consent: Option<Box<Consent>>,
    /// With `internal`: what to name when reporting it; the log has it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub incident: Option<String>,
}

impl Problem {
    /// A problem of that code, with what is always said of it.
    pub fn of(code: Code) -> Self {
        Self {
            kind: format!("/problems/{}", code.name()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: code.sentence().to_owned(),
            code,
            more: ProblemExtensions::default(),
        }
    }

    /// A request that is larger than `bytes_max`.
    pub fn too_large(bytes_max: u64) -> Self {
        Self { status: 413, ..Self::of(Code::Invalid) }
            .saying(format!("The request must have at most {bytes_max} bytes."))
    }

    /// A ban that ends at `until`.
    pub fn banned(until: Timestamp) -> Self {
        let until = Time::unless_never(until);
        Self { more: ProblemExtensions { until, ..ProblemExtensions::default() }, ..Self::of(Code::Banned) }
    }

    /// A text that has to be accepted first.
    pub fn consent_required(consent: &model::Consent) -> Self {
        let consent = Some(Box::new(consent.into()));
        let more = ProblemExtensions { consent, ..ProblemExtensions::default() };
        Self { more, ..Self::of(Code::ConsentRequired) }
    }

    /// A permission that is lost by a mute, which ends at `until`.
    pub fn muted(permission: &str, until: Timestamp) -> Self {
        let until = Time::unless_never(until);
        let permission = Some(permission.to_owned());
        let more = ProblemExtensions { permission, until, ..ProblemExtensions::default() };
        Self { more, ..Self::of(Code::Forbidden) }.saying("You are muted.")
    }

    /// A permission or a scope that is missing.
    pub fn lacking(permission: &str) -> Self {
        let more =
            ProblemExtensions { permission: Some(permission.to_owned()), ..ProblemExtensions::default() };
        Self { more, ..Self::of(Code::Forbidden) }.saying(format!("`{permission}` is missing."))
    }

    /// Too many requests, until `retry_after_ms` from now.
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        let more = ProblemExtensions { retry_after_ms: Some(retry_after_ms), ..ProblemExtensions::default() };
        Self { more, ..Self::of(Code::RateLimited) }
    }

    /// An app of another region, which is served at `location`.
    pub fn misdirected(location: Option<String>) -> Self {
        Self {
            more: ProblemExtensions { location, ..ProblemExtensions::default() },
            ..Self::of(Code::Misdirected)
        }
    }

    /// A fault of ours, which the log has under `incident`.
    pub fn internal(incident: String) -> Self {
        Self {
            more: ProblemExtensions { incident: Some(incident), ..ProblemExtensions::default() },
            ..Self::of(Code::Internal)
        }
    }

    /// The same, saying what happened this time.
    #[must_use]
    pub fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let Invalid { field, reason } = invalid;
        let detail =
            if field.is_empty() { format!("The request {reason}.") } else { format!("`{field}` {reason}.") };
        let more = ProblemExtensions {
            field: Some(field).filter(|field| !field.is_empty()),
            ..ProblemExtensions::default()
        };
        Self { more, ..Self::of(Code::Invalid) }.saying(detail)
    }
}

impl From<Problem> for SocketProblem {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, message: problem.detail, more: problem.more }
    }
}
