-- Mutes, of people in the app and of members in a conversation. A note says why, and by whom; so does `ban_reason`.
ALTER TABLE users ADD COLUMN muted_until INTEGER;
ALTER TABLE users ADD COLUMN mute_note BLOB;
ALTER TABLE users ADD COLUMN muted_since INTEGER;
ALTER TABLE members ADD COLUMN muted_until INTEGER;
ALTER TABLE members ADD COLUMN mute_note BLOB;
ALTER TABLE members ADD COLUMN muted_since INTEGER;
-- Who is under a sanction: few among many.
CREATE INDEX users_banned ON users (app, user) WHERE banned_until IS NOT NULL;
CREATE INDEX users_muted ON users (app, user) WHERE muted_until IS NOT NULL;
CREATE INDEX members_banned ON members (app, conversation, user) WHERE banned_until IS NOT NULL;
CREATE INDEX members_muted ON members (app, conversation, user) WHERE muted_until IS NOT NULL;
-- Slow mode: how long one waits between two messages of one's own, and when the last one was accepted.
ALTER TABLE conversations ADD COLUMN slow_mode_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN sent_at INTEGER;
-- Who has blocked whom, and of each user on how many rows it stands: for nearly all that is none, and nothing is looked up.
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    user INTEGER NOT NULL,
    other INTEGER NOT NULL,
    since INTEGER NOT NULL,
    UNIQUE (app, user, other)
) STRICT;
CREATE INDEX blocks_other ON blocks (app, other);
ALTER TABLE users ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;
-- Shadow bans. A message that was written, or edited, under one is hidden since then from all but its author.
ALTER TABLE users ADD COLUMN shadow_banned_until INTEGER;
ALTER TABLE users ADD COLUMN shadow_ban_note BLOB;
ALTER TABLE users ADD COLUMN shadow_banned_since INTEGER;
CREATE INDEX users_shadow_banned ON users (app, user) WHERE shadow_banned_until IS NOT NULL;
ALTER TABLE messages ADD COLUMN hidden_at INTEGER;
