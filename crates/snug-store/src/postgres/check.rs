//! What can be seen of the invariants at rest: each a statement that finds where it does not hold.

use super::{
    audit,
    sql::{Sql, params},
};
use crate::{Finding, StoreResult};

/// What cannot be, and a statement that answers the places where it is: a name of the table, and row numbers.
struct Rule {
    what: &'static str,
    statement: &'static str,
}

const RULES: &[Rule] = &[
    // The ordered log.
    Rule {
        what: "its messages are not those from its first one to its head, each once",
        statement: "SELECT 'conversations ' || c.conversation FROM conversations c
            LEFT JOIN (SELECT app, conversation, count(*) AS n, min(seq) AS lo, max(seq) AS hi
                       FROM messages WHERE held IS NULL GROUP BY app, conversation) g USING (app, conversation)
            WHERE c.deleted_at IS NULL AND (c.head_seq <> c.first_seq - 1 + coalesce(g.n, 0)
                OR (g.n > 0 AND (g.lo <> c.first_seq OR g.hi <> c.head_seq)))",
    },
    Rule {
        what: "it was purged and is there, or is of no conversation",
        statement: "SELECT 'purged_messages ' || p.conversation || ' ' || p.seq FROM purged_messages p
            LEFT JOIN conversations c USING (app, conversation)
            WHERE c.app IS NULL OR (c.deleted_at IS NULL AND p.seq >= c.first_seq)",
    },
    Rule {
        what: "it was set aside and its readers see it, or its bucket is not known",
        statement: "SELECT 'messages ' || g.conversation || ' ' || g.seq FROM messages g
            LEFT JOIN conversations c USING (app, conversation)
            WHERE g.held IS NOT NULL AND (c.app IS NULL OR g.seq >= c.first_seq
                OR NOT EXISTS (SELECT 1 FROM held_days d
                    WHERE d.app = g.app AND d.rule = g.held AND d.day = g.created_at / 86400000))",
    },
    Rule {
        what: "its messages and changes are not as many as its rev",
        statement: "SELECT 'conversations ' || c.conversation FROM conversations c
            LEFT JOIN (SELECT app, conversation, count(DISTINCT rev) AS n
                       FROM changes GROUP BY app, conversation) h USING (app, conversation)
            WHERE c.deleted_at IS NULL AND c.rev <> c.head_seq + coalesce(h.n, 0)",
    },
    Rule {
        what: "its head is not what the changes before it leave",
        statement: "SELECT 'changes ' || change FROM (
                SELECT change, rev, head_seq, dense_rank() OVER (PARTITION BY app, conversation ORDER BY rev) AS nth
                FROM changes) numbered
            WHERE rev <> head_seq + nth",
    },
    Rule {
        what: "its rev is above its conversation's",
        statement: "SELECT 'messages ' || g.message FROM messages g JOIN conversations c USING (app, conversation)
                WHERE g.rev > c.rev
            UNION ALL SELECT 'members ' || m.member FROM members m JOIN conversations c USING (app, conversation)
                WHERE m.rev > c.rev OR m.frozen_rev > c.rev
            UNION ALL SELECT 'changes ' || h.change FROM changes h JOIN conversations c USING (app, conversation)
                WHERE h.rev > c.rev",
    },
    // Messages.
    Rule {
        what: "a tombstone has a body or reactions, or another message has no body",
        statement: "SELECT 'messages ' || message FROM messages
            WHERE (body IS NULL) <> (deleted_at IS NOT NULL) OR (deleted_at IS NOT NULL AND reacted = 1)",
    },
    Rule {
        what: "its earlier versions are not all kept",
        statement: "SELECT 'messages ' || g.message FROM messages g
            LEFT JOIN (SELECT app, conversation, seq, count(*) AS n, min(version) AS lo, max(version) AS hi,
                           max(rev) AS rev
                       FROM message_versions GROUP BY app, conversation, seq) v USING (app, conversation, seq)
            JOIN conversations c USING (app, conversation)
            WHERE c.deleted_at IS NULL AND (
                coalesce(v.n, 0) <> g.version - CASE WHEN g.body IS NOT NULL THEN 1 ELSE 0 END OR coalesce(v.hi, 0) <> coalesce(v.n, 0)
                OR (v.n > 0 AND v.lo <> 1) OR v.rev > g.body_rev OR g.body_rev > g.rev
                OR (g.version > 1) <> (g.edited_at IS NOT NULL))",
    },
    Rule {
        what: "it is a version of no message",
        statement: "SELECT 'message_versions ' || v.message_version FROM message_versions v
            WHERE NOT EXISTS (SELECT 1 FROM messages g
                WHERE g.app = v.app AND g.conversation = v.conversation AND g.seq = v.seq)",
    },
    Rule {
        what: "it is a reaction to no message, or of nobody",
        statement: "SELECT 'reactions ' || r.reaction FROM reactions r
            WHERE NOT EXISTS (SELECT 1 FROM messages g
                    WHERE g.app = r.app AND g.conversation = r.conversation AND g.seq = r.seq AND g.body IS NOT NULL)
                OR NOT EXISTS (SELECT 1 FROM users u WHERE u.user = r.user AND u.app = r.app)",
    },
    Rule {
        what: "what it says of having reactions is wrong",
        statement: "SELECT 'messages ' || g.message FROM messages g
            JOIN conversations c ON c.conversation = g.conversation AND c.deleted_at IS NULL
            WHERE (g.reacted = 1) <> EXISTS (SELECT 1 FROM reactions r
                WHERE r.app = g.app AND r.conversation = g.conversation AND r.seq = g.seq)",
    },
    Rule {
        what: "its conversation, its sender or what it answers is not there",
        statement: "SELECT 'messages ' || g.message FROM messages g
            LEFT JOIN conversations c USING (app, conversation)
            WHERE c.app IS NULL
                OR (g.sender IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM users u WHERE u.user = g.sender AND u.app = g.app))
                OR (g.reply_to IS NOT NULL AND c.deleted_at IS NULL AND c.first_seq = 1
                    AND NOT EXISTS (SELECT 1 FROM messages q
                        WHERE q.app = g.app AND q.conversation = g.conversation AND q.id = g.reply_to))",
    },
    Rule {
        what: "what changed is not there",
        statement: "SELECT 'changes ' || h.change FROM changes h
            WHERE CASE h.kind
                WHEN 1 THEN NOT EXISTS (SELECT 1 FROM messages g
                    WHERE g.app = h.app AND g.conversation = h.conversation AND g.seq = h.reference)
                    AND EXISTS (SELECT 1 FROM conversations c
                        WHERE c.conversation = h.conversation AND c.deleted_at IS NULL AND h.reference >= c.first_seq)
                WHEN 2 THEN NOT EXISTS (SELECT 1 FROM members m
                    WHERE m.app = h.app AND m.conversation = h.conversation AND m.user = h.reference)
                WHEN 3 THEN NOT EXISTS (SELECT 1 FROM conversations c
                    WHERE c.app = h.app AND c.conversation = h.conversation)
                WHEN 4 THEN NOT EXISTS (SELECT 1 FROM conversations c
                    WHERE c.app = h.app AND c.conversation = h.conversation AND h.reference <= c.first_seq)
                ELSE true END",
    },
    // Members and inboxes.
    Rule {
        what: "it does not count its members",
        statement: "SELECT 'conversations ' || c.conversation FROM conversations c
            LEFT JOIN (SELECT app, conversation, count(*) AS n FROM members WHERE access > 0
                       GROUP BY app, conversation) m USING (app, conversation)
            WHERE c.member_count <> coalesce(m.n, 0)",
    },
    Rule {
        what: "its conversation, its user or its role is not there",
        statement: "SELECT 'members ' || m.member FROM members m
            WHERE NOT EXISTS (SELECT 1 FROM conversations c WHERE c.conversation = m.conversation AND c.app = m.app)
                OR NOT EXISTS (SELECT 1 FROM users u WHERE u.user = m.user AND u.app = m.app)
                OR NOT EXISTS (SELECT 1 FROM roles r WHERE r.role = m.role AND r.app = m.app AND r.scope = 1)",
    },
    Rule {
        what: "it has read what is not there",
        statement: "SELECT 'members ' || m.member FROM members m JOIN conversations c USING (app, conversation)
            WHERE m.read_seq NOT BETWEEN 0 AND c.head_seq OR m.joined_seq NOT BETWEEN 1 AND c.head_seq + 1",
    },
    Rule {
        what: "a removed member lacks its frozen view, or another has one",
        statement: "SELECT 'members ' || m.member FROM members m JOIN conversations c USING (app, conversation)
            WHERE c.deleted_at IS NULL AND (
                (m.frozen_profile IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.frozen_state IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.frozen_frozen IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.frozen_head_seq IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.frozen_member_count IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.frozen_at IS NOT NULL) <> (m.access = 0 AND m.forgotten = 0)
                OR (m.access > 0 AND (m.frozen_rev IS NOT NULL OR m.forgotten = 1)))",
    },
    Rule {
        what: "it is large and its members' rows differ, or should be large",
        statement: "SELECT 'conversations ' || c.conversation FROM conversations c
            WHERE (c.large = 1 AND c.pending = 1) OR (c.large = 0 AND c.member_count > 256)
                OR EXISTS (SELECT 1 FROM members m
                    WHERE m.app = c.app AND m.conversation = c.conversation AND m.large <> c.large)",
    },
    Rule {
        what: "its place or unread flag is not what its placed conversation says",
        statement: "SELECT 'members ' || m.member FROM members m JOIN conversations c USING (app, conversation)
            WHERE c.pending = 0 AND c.large = 0 AND m.forgotten = 0 AND CASE
                WHEN c.deleted_at IS NOT NULL THEN m.place IS NOT NULL
                WHEN m.access = 0 THEN (m.unread = 1) <>
                    (m.frozen_head_seq > greatest(m.read_seq, c.first_seq - 1, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END))
                ELSE m.place IS DISTINCT FROM CASE WHEN c.state = 0 THEN greatest(m.joined_at, c.last_at) END
                    OR (m.unread = 1) <> (c.head_seq > greatest(m.read_seq, c.first_seq - 1, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END)) END
            UNION ALL SELECT 'members ' || member FROM members WHERE forgotten = 1 AND place IS NOT NULL",
    },
    Rule {
        what: "it changed in a commit that was not made yet",
        statement: "SELECT 'conversations ' || conversation FROM conversations
                WHERE activity >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
            UNION ALL SELECT 'members ' || member FROM members
                WHERE changed >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
    },
    // Apps, users, keys, roles.
    Rule {
        what: "its app is not there",
        statement: "SELECT 'conversations ' || conversation FROM conversations WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'users ' || u.user FROM users u WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'roles ' || role FROM roles WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'keys ' || key FROM keys WHERE app <> 0 AND app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'token_keys ' || token_key FROM token_keys WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'templates ' || template FROM templates WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'revoked_tokens ' || revoked_token FROM revoked_tokens WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'consents ' || consent FROM consents WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'idempotency ' || request FROM idempotency
                WHERE app <> 0 AND app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'purges ' || id FROM purges WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'holds of ' || app FROM holds WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'held_days of ' || app FROM held_days WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'purged_days of ' || id FROM purged_days WHERE app NOT IN (SELECT app FROM apps)
            UNION ALL SELECT 'jobs ' || job FROM jobs WHERE kind <> 1 AND app NOT IN (SELECT app FROM apps)",
    },
    Rule {
        what: "a role that it has is not there",
        statement: "SELECT 'users ' || u.user FROM users u
                WHERE NOT EXISTS (SELECT 1 FROM roles r WHERE r.role = u.role AND r.app = u.app AND r.scope = 0)
            UNION ALL SELECT 'keys ' || key FROM keys k
                WHERE may_mint IS NOT NULL AND revoked_at IS NULL
                    AND NOT EXISTS (SELECT 1 FROM roles r WHERE r.role = k.may_mint AND r.app = k.app)
            UNION ALL SELECT 'token_keys ' || token_key FROM token_keys t
                WHERE NOT EXISTS (SELECT 1 FROM roles r WHERE r.role = t.may_mint AND r.app = t.app)
            UNION ALL SELECT 'apps ' || a.app FROM apps a
                WHERE deleted_at IS NULL AND NOT (
                    EXISTS (SELECT 1 FROM roles r WHERE r.role = default_role AND r.app = a.app AND r.scope = 0)
                    AND EXISTS (SELECT 1 FROM roles r WHERE r.role = member_role AND r.app = a.app AND r.scope = 1)
                    AND EXISTS (SELECT 1 FROM roles r WHERE r.role = creator_role AND r.app = a.app AND r.scope = 1))",
    },
    Rule {
        what: "an erased user has what it is, or another lacks it",
        statement: "SELECT 'users ' || u.user FROM users u
            WHERE (id IS NULL) <> (erased_at IS NOT NULL) OR (profile IS NULL) <> (erased_at IS NOT NULL)
                OR (erased_at IS NOT NULL AND (ban_reason IS NOT NULL OR mute_note IS NOT NULL
                    OR shadow_ban_note IS NOT NULL OR tokens_not_before IS NULL))",
    },
    Rule {
        what: "who accepted it is not there, or what somebody has accepted is not",
        statement: "SELECT 'consents ' || c.consent FROM consents c
                WHERE NOT EXISTS (SELECT 1 FROM users u
                    WHERE u.user = c.user AND u.app = c.app AND u.erased_at IS NULL)
                AND EXISTS (SELECT 1 FROM apps a WHERE a.app = c.app AND a.deleted_at IS NULL)
            UNION ALL SELECT 'users ' || u.user FROM users u
                WHERE u.consented IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM consents c
                    WHERE c.app = u.app AND c.user = u.user AND c.mark = u.consented)
                AND EXISTS (SELECT 1 FROM apps a WHERE a.app = u.app AND a.deleted_at IS NULL)",
    },
    Rule {
        what: "who made it is not there",
        statement: "SELECT 'conversations ' || conversation FROM conversations c WHERE created_by IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM users u WHERE u.user = c.created_by AND u.app = c.app)",
    },
    Rule {
        what: "its number was never reserved",
        statement: "SELECT 'apps ' || app FROM apps, row_numbers WHERE app > last_value
            UNION ALL SELECT 'roles ' || role FROM roles, row_numbers WHERE role > last_value
            UNION ALL SELECT 'users ' || u.user FROM users u, row_numbers WHERE u.user > last_value
            UNION ALL SELECT 'conversations ' || conversation FROM conversations, row_numbers
                WHERE conversation > last_value",
    },
    Rule {
        what: "it is done and has no time of that, or the other way round",
        statement: "SELECT 'jobs ' || job FROM jobs WHERE (state > 1) <> (done_at IS NOT NULL)",
    },
    Rule {
        what: "what it is about is not there, or is not to be worked on",
        statement: "SELECT 'jobs ' || job FROM jobs j WHERE state < 2 AND CASE kind
            WHEN 1 THEN EXISTS (SELECT 1 FROM apps a WHERE a.app = j.app AND deleted_at IS NULL)
            WHEN 2 THEN NOT EXISTS (SELECT 1 FROM conversations c
                WHERE c.conversation = j.reference AND c.app = j.app AND deleted_at IS NOT NULL)
            WHEN 3 THEN NOT EXISTS (SELECT 1 FROM users u JOIN erasures e ON e.id = j.id
                WHERE u.user = j.reference AND u.app = j.app AND erased_at IS NOT NULL)
            WHEN 5 THEN NOT EXISTS (SELECT 1 FROM users u JOIN erasures e ON e.id = j.id
                WHERE u.user = j.reference AND u.app = j.app AND erased_at IS NOT NULL)
            WHEN 4 THEN NOT EXISTS (SELECT 1 FROM purges p WHERE p.id = j.id)
            ELSE true END",
    },
];

/// Finds what does not hold, in one snapshot. Of damaged files the server tells, where it keeps checksums of its pages.
pub(super) async fn check(sql: &Sql<'_>) -> StoreResult<Vec<Finding>> {
    let mut findings = Vec::new();
    for rule in RULES {
        let places = sql.all(rule.statement, params![], |row| row.take::<String>()).await?;
        let found = places.into_iter().map(|place| Finding { place, what: rule.what.to_owned() });
        findings.extend(found);
    }
    findings.extend(audit::check(sql).await?);
    Ok(findings)
}
