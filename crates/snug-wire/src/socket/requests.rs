//! What a client sends: a number, the name of a request, and its fields.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use snug_model::Invalid;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

use super::bodies::{
    ConversationRequest, DeleteRequest, EditRequest, HelloRequest, HistoryRequest, MembersRequest,
    PingRequest, ReactRequest, ReadMarkRequest, SendRequest, SyncRequest, TokenRequest, TypingRequest,
    WatchRequest,
};
use crate::{
    consents::Acceptance,
    ids::{INTEGER_END, integer_schema},
    json,
    paging::InboxQuery,
    signed::SendSignedRequest,
    templates::SendTemplateRequest,
};

macro_rules! requests {
    ($($(#[doc = $doc:literal])+ $op:literal $variant:ident($body:ty);)+) => {
        /// What a client asks for; `op` says what it is.
        #[derive(Debug, Clone, Serialize)]
        #[serde(tag = "op", rename_all = "snake_case")]
        pub enum Request {
            $($(#[doc = $doc])+ $variant($body),)+
        }

        impl Request {
            /// The name of every request.
            pub const OPS: &[&str] = &[$($op,)+];

            /// The name of the request.
            pub fn op(&self) -> &'static str {
                match self { $(Self::$variant(_) => $op,)+ }
            }

            /// Reads the request of that name from the fields that are left.
            fn read(op: &str, fields: Map<String, Value>) -> Result<Self, Invalid> {
                match op {
                    $($op => json::from_object(fields).map(Self::$variant),)+
                    _ => Err(Invalid::new("op", format!("must be one of `{}`", Self::OPS.join("`, `")))),
                }
            }
        }

        impl ClientFrame {
            /// The schema of every frame, by the name of its request.
            pub fn schemas_by_op() -> Vec<(&'static str, RefOr<Schema>)> {
                vec![$(($op, frame_schema($op, <$body>::schema())),)+]
            }
        }

        impl ToSchema for ClientFrame {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(<$body>::schemas(schemas);)+
            }
        }
    };
}

requests! {
    /// The first frame: who it is.
    "hello" Hello(HelloRequest);
    /// Another token of the same user, before the present one ends.
    "token" Token(TokenRequest);
    /// Send a message.
    "send" Send(SendRequest);
    /// Have a message appear that a back end signed.
    "send_signed" SendSigned(SendSignedRequest);
    /// Have a template of the app appear.
    "send_template" SendTemplate(SendTemplateRequest);
    /// Edit a message.
    "edit" Edit(EditRequest);
    /// Delete a message.
    "delete" Delete(DeleteRequest);
    /// React to a message, or take that back.
    "react" React(ReactRequest);
    /// Move one's own read mark.
    "read" Read(ReadMarkRequest);
    /// Show that one is typing, or no longer.
    "typing" Typing(TypingRequest);
    /// A part of one's inbox.
    "inbox" Inbox(InboxQuery);
    /// One item of one's inbox.
    "conversation" Conversation(ConversationRequest);
    /// A page of a conversation's messages.
    "history" History(HistoryRequest);
    /// What changed in a conversation.
    "sync" Sync(SyncRequest);
    /// A page of a conversation's members.
    "members" Members(MembersRequest);
    /// Say whose presence is wanted.
    "watch" Watch(WatchRequest);
    /// Accept the text that the app demands.
    "consent" Consent(Acceptance);
    /// Ask for an answer, to see that the connection lives.
    "ping" Ping(PingRequest);
}

/// A frame of a client.
#[derive(Debug, Clone, Serialize)]
pub struct ClientFrame {
    /// The number by which the answer will be known: 1 to 2^53-1.
    pub n: u64,
    /// What is asked for.
    #[serde(flatten)]
    pub request: Request,
}

/// Why a frame is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not a JSON object, or has no usable `n`, so that nothing could answer it: the socket is closed with 4400.
    Frame,
    /// It can be answered: `invalid`.
    Request {
        /// The number of the frame.
        n: u64,
        /// What is wrong with it.
        invalid: Invalid,
    },
}

impl ClientFrame {
    /// Reads a frame. First its number, whatever else is wrong with it; then the rest.
    ///
    /// # Errors
    /// `Unreadable` says whether it can be answered.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let n = number(bytes).ok_or(Unreadable::Frame)?;
        let request = request(bytes).map_err(|invalid| Unreadable::Request { n, invalid })?;
        Ok(Self { n, request })
    }
}

/// The number of a frame that is a JSON object.
fn number(bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        n: Number,
    }

    let text = std::str::from_utf8(bytes).ok()?;
    // A list would do for serde's structs too.
    text.trim_ascii_start().starts_with('{').then_some(())?;
    let Numbered { n } = serde_json::from_str(text).ok()?;
    let n = json::whole_number(&n)?;
    u64::try_from(n).ok().filter(|n| (1..INTEGER_END.unsigned_abs()).contains(n))
}

fn request(bytes: &[u8]) -> Result<Request, Invalid> {
    let mut fields = json::object(bytes)?;
    fields.remove("n");
    match fields.remove("op") {
        Some(Value::String(op)) => Request::read(&op, fields),
        Some(_) => Err(Invalid::new("op", "must be a string")),
        None => Err(Invalid::new("op", "is missing")),
    }
}

impl PartialSchema for ClientFrame {
    fn schema() -> RefOr<Schema> {
        let frames = Self::schemas_by_op().into_iter().map(|(_, schema)| schema);
        frames
            .fold(OneOfBuilder::new(), OneOfBuilder::item)
            .description(Some("A frame of a client; `op` says what it asks for."))
            .into()
    }
}

/// The schema of a request's fields, with `n` and `op` among them: a schema that is closed cannot be composed of parts.
fn frame_schema(op: &str, body: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut frame)) = body else { return body };
    let n = integer_schema(1, INTEGER_END - 1)
        .description(Some("The number by which the answer will be known, chosen by the client."));
    let op = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([op]));
    for (name, schema) in [("n", n), ("op", op)] {
        frame.properties.insert(name.to_owned(), schema.into());
        frame.required.push(name.to_owned());
    }
    RefOr::T(Schema::Object(frame))
}
