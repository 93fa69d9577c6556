-- Mutes, of people in the app and of members in a conversation. A note says why, and by whom; so does `ban_reason`.
ALTER TABLE users ADD muted_until BIGINT, ADD mute_note BYTEA, ADD muted_since BIGINT,
    ALTER mute_note SET STORAGE EXTERNAL;
ALTER TABLE members ADD muted_until BIGINT, ADD mute_note BYTEA, ADD muted_since BIGINT,
    ALTER mute_note SET STORAGE EXTERNAL;
-- Who is under a sanction: few among many.
CREATE INDEX users_banned ON users (app, "user") WHERE banned_until IS NOT NULL;
CREATE INDEX users_muted ON users (app, "user") WHERE muted_until IS NOT NULL;
CREATE INDEX members_banned ON members (app, conversation, "user") WHERE banned_until IS NOT NULL;
CREATE INDEX members_muted ON members (app, conversation, "user") WHERE muted_until IS NOT NULL;
-- Slow mode: how long one waits between two messages of one's own, and when the last one was accepted.
ALTER TABLE conversations ADD slow_mode_s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE members ADD sent_at BIGINT;
-- Who has blocked whom, and of each user on how many rows it stands: for nearly all that is none, and nothing is looked up.
CREATE TABLE blocks (
    block BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app BIGINT NOT NULL,
    "user" BIGINT NOT NULL,
    other BIGINT NOT NULL,
    since BIGINT NOT NULL,
    UNIQUE (app, "user", other)
);
CREATE INDEX blocks_other ON blocks (app, other);
ALTER TABLE users ADD blocks BIGINT NOT NULL DEFAULT 0;
-- Shadow bans. A message that was written, or edited, under one is hidden since then from all but its author.
ALTER TABLE users ADD shadow_banned_until BIGINT, ADD shadow_ban_note BYTEA, ADD shadow_banned_since BIGINT,
    ALTER shadow_ban_note SET STORAGE EXTERNAL;
CREATE INDEX users_shadow_banned ON users (app, "user") WHERE shadow_banned_until IS NOT NULL;
ALTER TABLE messages ADD hidden_at BIGINT;
