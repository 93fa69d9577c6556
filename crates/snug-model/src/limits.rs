//! Every limit is a number here, checked where input enters. Units stand last in the names.

/// The limits that customers' programs meet; `GET /v1/limits` shows them all.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: u64 = $value;)+

        /// All of the above by their lower-case names, for `GET /v1/limits`.
        pub const ALL: &[(&str, u64, &str)] = &[$((stringify!($name), $name, concat!($($doc),+)),)+];
    };
}

limits! {
    /// Text of a message, in UTF-8.
    TEXT_BYTES_MAX: 16 * 1024;
    /// Attributes of anything, as compact JSON.
    ATTRIBUTES_BYTES_MAX: 4 * 1024;
    /// How deep attributes may nest; the outermost object counts.
    ATTRIBUTES_DEPTH_MAX: 8;
    /// Names of anything, in UTF-8.
    NAME_BYTES_MAX: 256;
    /// Addresses of images, in UTF-8.
    URL_BYTES_MAX: 2048;
    /// Why somebody was banned, in UTF-8.
    REASON_BYTES_MAX: 1024;
    /// Ids that customers choose, in UTF-8.
    CUSTOMER_ID_BYTES_MAX: 256;
    /// People mentioned in one message.
    MENTIONS_MAX: 50;
    /// Different emoji on one message.
    REACTIONS_PER_MESSAGE_MAX: 20;
    /// Members named when a conversation is created.
    MEMBERS_AT_CREATION_MAX: 100;
    /// How long a conversation may have its members wait between two messages.
    SLOW_MODE_S_MAX: 6 * 60 * 60;
    /// People whom one may have blocked.
    BLOCKS_PER_USER_MAX: 1_000;
    /// Items of one batch.
    BATCH_ITEMS_MAX: 1_000;
    /// Items of one batch in which each has a result of its own.
    BATCH_RESULTS_MAX: 100;
    /// Ids in one look-up of users.
    LOOKUP_IDS_MAX: 100;
    /// A request's body.
    BODY_BYTES_MAX: 1024 * 1024;
    /// How deep a request's JSON may nest.
    JSON_DEPTH_MAX: 64;
    /// A frame that a client sends.
    CLIENT_FRAME_BYTES_MAX: 64 * 1024;
    /// A frame that the server sends.
    SERVER_FRAME_BYTES_MAX: 1024 * 1024;
    /// Live connections of one user.
    SESSIONS_PER_USER_MAX: 50;
    /// An access token, as it travels.
    TOKEN_BYTES_MAX: 8 * 1024;
    /// A token's own id.
    JTI_BYTES_MAX: 256;
    /// Conversations to which a token may be narrowed.
    TOKEN_ONLY_MAX: 100;
    /// How long a token may live.
    TOKEN_LIFE_S_MAX: 24 * 60 * 60;
    /// How long a token lives where the request says nothing.
    TOKEN_LIFE_S_DEFAULT: 60 * 60;
    /// How long a message that a back end signed may wait for its carrier.
    SIGNED_LIFE_S_MAX: 60;
    /// Templates of one app.
    TEMPLATES_MAX: 1_000;
    /// How far ahead of the server's clock a token's `iat` may be.
    TOKEN_FUTURE_S_MAX: 5;
    /// Issuers whose tokens an app believes.
    ISSUERS_MAX: 16;
    /// The name of an issuer, of an audience and of an address of keys.
    ISSUER_NAME_BYTES_MAX: 512;
    /// Bytes of an issuer's set of public keys.
    JWKS_BYTES_MAX: 64 * 1024;
    /// Keys in it.
    JWKS_KEYS_MAX: 100;
    /// Secrets of one scheme that are good at a time.
    SCHEME_SECRETS_MAX: 2;
    /// A secret of a scheme, at least.
    SCHEME_SECRET_BYTES_MIN: 16;
    /// A secret of a scheme, at most.
    SCHEME_SECRET_BYTES_MAX: 256;
    /// Pages from which visitors may come in, by their origins.
    VISITOR_ORIGINS_MAX: 100;
    /// How long a token of another system that does not say when it ends can be made good for.
    TTL_WITHOUT_EXP_S_MAX: 10 * 365 * 24 * 60 * 60;
    /// How long a visitor can return.
    RESUME_LIFE_S_MAX: 30 * 24 * 60 * 60;
    /// Items of a page at most.
    PAGE_ITEMS_MAX: 200;
    /// Items of a page where the request says nothing.
    PAGE_ITEMS_DEFAULT: 50;
    /// An `Idempotency-Key`.
    IDEMPOTENCY_KEY_BYTES_MAX: 256;
    /// How long the answer to an `Idempotency-Key` is kept.
    IDEMPOTENCY_KEPT_S: 24 * 60 * 60;
    /// Time between the upgrade and `hello`.
    HELLO_WAIT_MS_MAX: 10_000;
    /// Conversations in the answer to `hello`.
    HELLO_CONVERSATIONS: 30;
    /// Newest conversations at which the unread count of `hello` looks.
    UNREAD_LOOK_MAX: 100;
    /// Conversations at which a page of `?unread=true` looks.
    UNREAD_PAGE_LOOK_MAX: 200;
    /// Changes after which `sync` answers `reset`.
    SYNC_REVS_MAX: 10_000;
    /// Age of a change after which `sync` answers `reset`.
    SYNC_AGE_S_MAX: 30 * 24 * 60 * 60;
    /// How long events are kept.
    EVENTS_KEPT_S: 3 * 24 * 60 * 60;
    /// How long a request waits for the next event.
    EVENTS_WAIT_S_MAX: 30;
    /// Messages in the answer to a `sync` that was reset.
    SYNC_RESET_MESSAGES: 50;
    /// Conversations whose presence one session may watch.
    WATCH_MAX: 16;
    /// How long `typing` holds without a repeat.
    TYPING_MS: 6_000;
    /// Frames that wait for one session before it is told `lagged`.
    SESSION_QUEUE_FRAMES_MAX: 1_024;
    /// Bytes that wait for one session before it is told `lagged`.
    SESSION_QUEUE_BYTES_MAX: 256 * 1024;
    /// How long a session may lag before it is closed with 4001.
    LAGGED_MS_MAX: 30_000;
    /// Requests of one socket that are answered at the same time; further ones wait unread.
    SOCKET_REQUESTS_MAX: 32;
    /// Scopes, permissions and similar names in one list.
    NAMES_PER_LIST_MAX: 64;
    /// Addresses from which a key may be used.
    KEY_ADDRESSES_MAX: 64;
    /// What may be reacted with beside emoji.
    APP_REACTIONS_MAX: 256;
    /// Roles of one app and scope.
    ROLES_MAX: 100;
    /// Days of which is kept what was used under roles, the present one included.
    ROLE_USE_DAYS: 30;
    /// Changes of roles that are tried out together.
    SIMULATED_ROLES_MAX: 20;
    /// Bearers of a role at whom a simulation looks.
    SIMULATED_BEARERS_MAX: 50;
    /// Bearers of a role up to which a simulation counts.
    SIMULATED_COUNT_MAX: 10_000;
    /// Members up to which a conversation has a place in its members' inboxes.
    PLACED_MEMBERS_MAX: 256;
    /// How long the id of a message outlives it, and how long it is told what a purge removed.
    MESSAGE_ID_KEPT_S: 400 * 24 * 60 * 60;
    /// How far the clock may have gone since it was last looked at before nothing is purged any more until an operator accepts it.
    CLOCK_STEP_S_MAX: 24 * 60 * 60;
    /// Days that a class of data can be set to live.
    RETENTION_DAYS_MAX: 3_650;
    /// Requests of one user at once, where the app sets nothing.
    RATE_USER_BURST: 200;
    /// Requests of one user in a minute, where the app sets nothing.
    RATE_USER_PER_MINUTE: 600;
    /// Requests of one API key at once, where the app sets nothing.
    RATE_KEY_BURST: 2_000;
    /// Requests of one API key in a minute, where the app sets nothing.
    RATE_KEY_PER_MINUTE: 30_000;
    /// Requests in one app at once, where the app sets nothing.
    RATE_APP_BURST: 20_000;
    /// Requests in one app in a minute, where the app sets nothing.
    RATE_APP_PER_MINUTE: 300_000;
    /// Messages to one conversation at once, where the app sets nothing.
    RATE_CONVERSATION_BURST: 300;
    /// Messages to one conversation in a minute, where the app sets nothing.
    RATE_CONVERSATION_PER_MINUTE: 1_200;
    /// New sockets and exchanged proofs from one address at once, where the app sets nothing.
    RATE_ARRIVALS_BURST: 1_000;
    /// New sockets and exchanged proofs from one address in a minute, where the app sets nothing.
    RATE_ARRIVALS_PER_MINUTE: 3_000;
    /// Wrong credentials from one address at once, where the app sets nothing.
    RATE_FAILURES_BURST: 100;
    /// Wrong credentials from one address in a minute, where the app sets nothing.
    RATE_FAILURES_PER_MINUTE: 60;
    /// Languages of a text to which an app demands consent.
    CONSENT_TEXTS_MAX: 32;
    /// Those texts together, and the addresses of those that stand elsewhere: who has not consented is answered with all of it.
    CONSENT_BYTES_MAX: 32 * 1024;
    /// What an app calls such a text, or a version of one.
    CONSENT_NAME_BYTES_MAX: 64;
    /// The language of a text.
    LOCALE_BYTES_MAX: 35;
    /// Refused acts of one actor in a minute that are entered one by one.
    AUDIT_REFUSALS_OF_ACTOR_PER_MINUTE: 10;
    /// Refused acts in one app in a minute that are entered one by one.
    AUDIT_REFUSALS_OF_APP_PER_MINUTE: 60;
    /// Days that one answer about usage covers.
    USAGE_DAYS_MAX: 366;
    /// Days that it covers where the request says nothing.
    USAGE_DAYS_DEFAULT: 30;
    /// The largest burst that an app can set.
    RATE_BURST_MAX: 1_000_000;
    /// The largest rate that an app can set.
    RATE_PER_MINUTE_MAX: 60_000_000;
    /// Origins whose pages may talk to an app.
    APP_ORIGINS_MAX: 64;
    /// An origin of pages.
    ORIGIN_BYTES_MAX: 256;
    /// Buckets of one kind that a server keeps, those of users say; those that nothing was taken from are not counted.
    RATE_BUCKETS_MAX: 64 * 1024;
}

/// What a source of the master key may give, which is a few lines of it.
pub const MASTER_KEY_BYTES_MAX: u64 = 4 * 1024;
/// How long a command that prints the master key may take.
pub const MASTER_KEY_COMMAND_S_MAX: u64 = 30;
