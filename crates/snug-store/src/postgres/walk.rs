//! A walk over every sealed value, table by table, in order of row number.

use snug_model::{AppKey, ConversationKey, TemplateKey, UserKey, audit::Act};

use super::{
    rows,
    sql::{Cells, Sql, params},
};
use crate::{Sealed, SealedAt, SealedPlace, StoreResult, WalkFrom, WalkPage};

/// The sealed values of a row, where each has its place; absent where the row has none there.
type Values = Vec<(SealedPlace, Option<Sealed>)>;

/// How the sealed values of a table are read: a statement whose rows begin with row number and app, and what its other
/// cells are.
struct Table {
    statement: &'static str,
    read: fn(&mut Cells<'_>) -> StoreResult<Values>,
}

/// The tables, in the order in which they are walked; new ones go to the end.
const TABLES: &[Table] = &[
    Table {
        statement: "SELECT app, app, profile_version, profile FROM apps WHERE app > $1 ORDER BY app LIMIT $2",
        read: |row| Ok(vec![(SealedPlace::App { version: row.int()? }, row.sealed_or_none()?)]),
    },
    Table {
        statement: "SELECT role, app, role, name FROM roles WHERE role > $1 ORDER BY role LIMIT $2",
        read: |row| Ok(vec![(SealedPlace::Role(row.int()?), row.sealed_or_none()?)]),
    },
    Table {
        statement: "SELECT key, app, id, secret, profile FROM keys WHERE key > $1 ORDER BY key LIMIT $2",
        read: |row| {
            let id = rows::key_id(row)?;
            Ok(vec![
                (SealedPlace::KeySecret(id.clone()), row.sealed_or_none()?),
                (SealedPlace::Key(id), row.sealed_or_none()?),
            ])
        },
    },
    Table {
        statement:
            "SELECT u.user, app, u.user, profile_version, id, profile, ban_reason, mute_note, shadow_ban_note FROM users u
                    WHERE u.user > $1 ORDER BY u.user LIMIT $2",
        read: |row| {
            let (user, version) = (UserKey(row.int()?), row.int()?);
            Ok(vec![
                (SealedPlace::UserId(user), row.sealed_or_none()?),
                (SealedPlace::User { user, version }, row.sealed_or_none()?),
                (SealedPlace::UserBan(user), row.sealed_or_none()?),
                (SealedPlace::UserMute(user), row.sealed_or_none()?),
                (SealedPlace::UserShadowBan(user), row.sealed_or_none()?),
            ])
        },
    },
    Table {
        // What was blanked has no bytes.
        statement: "SELECT conversation, app, conversation, profile_version, deleted_at, id, alias, nullif(profile, '')
                    FROM conversations WHERE conversation > $1 ORDER BY conversation LIMIT $2",
        read: |row| {
            let (conversation, version) = (ConversationKey(row.int()?), row.int()?);
            let id = match row.time_or_none()? {
                None => SealedPlace::ConversationId(conversation),
                Some(_) => SealedPlace::GoneConversationId(conversation),
            };
            Ok(vec![
                (id, row.sealed_or_none()?),
                (SealedPlace::Alias(conversation), row.sealed_or_none()?),
                (SealedPlace::Conversation { conversation, version }, row.sealed_or_none()?),
            ])
        },
    },
    Table {
        statement:
            "SELECT member, app, conversation, m.user, profile_version, coalesce(frozen_profile_version, 0),
                        profile, ban_reason, mute_note, frozen_profile
                    FROM members m WHERE member > $1 ORDER BY member LIMIT $2",
        read: |row| {
            let (conversation, user) = (ConversationKey(row.int()?), UserKey(row.int()?));
            let (version, frozen) = (row.int()?, row.int()?);
            Ok(vec![
                (SealedPlace::Member { conversation, user, version }, row.sealed_or_none()?),
                (SealedPlace::MemberBan { conversation, user }, row.sealed_or_none()?),
                (SealedPlace::MemberMute { conversation, user }, row.sealed_or_none()?),
                (SealedPlace::Conversation { conversation, version: frozen }, row.sealed_or_none()?),
            ])
        },
    },
    Table {
        statement: "SELECT message, app, conversation, id, version, sender_kind, sender, created_at, body
                    FROM messages WHERE message > $1 ORDER BY message LIMIT $2",
        read: message,
    },
    Table {
        statement:
            "SELECT v.message_version, v.app, v.conversation, g.id, v.version, g.sender_kind, g.sender,
                        g.created_at, v.body
                    FROM message_versions v JOIN messages g USING (app, conversation, seq)
                    WHERE v.message_version > $1 ORDER BY v.message_version LIMIT $2",
        read: message,
    },
    Table {
        statement: "SELECT r.reaction, r.app, r.conversation, g.id, g.created_at, r.user, r.emoji
                    FROM reactions r JOIN messages g USING (app, conversation, seq)
                    WHERE r.reaction > $1 ORDER BY r.reaction LIMIT $2",
        read: |row| {
            let place = SealedPlace::Reaction {
                conversation: ConversationKey(row.int()?),
                id: row.message_id()?,
                created_at: row.time()?,
                reactor: UserKey(row.int()?),
            };
            Ok(vec![(place, row.sealed_or_none()?)])
        },
    },
    Table {
        statement: "SELECT request, app, scope, answer FROM idempotency
                    WHERE request > $1 ORDER BY request LIMIT $2",
        read: |row| Ok(vec![(SealedPlace::Answer(row.mac()?), row.sealed_or_none()?)]),
    },
    Table {
        statement: "SELECT token_key, app, id, profile FROM token_keys
                    WHERE token_key > $1 ORDER BY token_key LIMIT $2",
        read: |row| Ok(vec![(SealedPlace::TokenKey(rows::key_id(row)?), row.sealed_or_none()?)]),
    },
    Table {
        statement: "SELECT template, app, template, version, body FROM templates
                    WHERE template > $1 ORDER BY template LIMIT $2",
        read: |row| {
            let (template, version) = (TemplateKey(row.int()?), row.int()?);
            Ok(vec![(SealedPlace::Template { template, version }, row.sealed_or_none()?)])
        },
    },
    Table {
        statement: "SELECT consent, app, c.user, mark, record FROM consents c
                    WHERE consent > $1 ORDER BY consent LIMIT $2",
        read: |row| {
            let place = SealedPlace::Consent { user: UserKey(row.int()?), mark: row.mac()? };
            Ok(vec![(place, row.sealed_or_none()?)])
        },
    },
    Table {
        statement: r#"SELECT e.entry, e.app, e.id, e.actor_user, e.act, e.conversation, e."user", e.origin, e.note FROM audit e
                    WHERE e.entry > $1 ORDER BY e.entry LIMIT $2"#,
        read: |row| {
            let (id, actor) = (row.bytes()?, row.take::<Option<i64>>()?.map(UserKey));
            let outlives = Act::from_name(&row.take::<String>()?).is_some_and(Act::outlives_conversation);
            let conversation = row.take::<Option<i64>>()?.map(ConversationKey).filter(|_| !outlives);
            let user = row.take::<Option<i64>>()?.map(UserKey);
            Ok(vec![
                (SealedPlace::AuditOrigin { id, user: actor }, row.sealed_or_none()?),
                (SealedPlace::AuditNote { id, conversation, user }, row.sealed_or_none()?),
            ])
        },
    },
];

fn message(row: &mut Cells<'_>) -> StoreResult<Values> {
    let place = SealedPlace::Message {
        conversation: ConversationKey(row.int()?),
        id: row.message_id()?,
        version: row.int()?,
        sender: rows::sender(row)?,
        created_at: row.time()?,
    };
    Ok(vec![(place, row.sealed_or_none()?)])
}

/// The values of the next `limit` rows of one table; where there are fewer, the next part begins with the next table.
pub(super) async fn walk(sql: &Sql<'_>, from: WalkFrom, limit: i64) -> StoreResult<WalkPage> {
    let limit = limit.max(1);
    let Some(table) = usize::try_from(from.table).ok().and_then(|index| TABLES.get(index)) else {
        return Ok(WalkPage { values: Vec::new(), next: None });
    };
    let rows = sql
        .all(table.statement, params![from.row, limit], |row| {
            let (number, app) = (row.int()?, AppKey(row.int()?));
            Ok((number, app, (table.read)(row)?))
        })
        .await?;
    let next = match rows.last() {
        Some((number, _, _)) if rows.len() as i64 == limit => Some(WalkFrom { row: *number, ..from }),
        _ => Some(WalkFrom { table: from.table + 1, row: 0 }).filter(|next| next.table < TABLES.len() as i64),
    };
    let values = rows.into_iter().flat_map(|(_, app, values)| {
        let present = values.into_iter().filter_map(|(place, sealed)| Some((place, sealed?)));
        present.map(move |(place, sealed)| SealedAt { app, place, sealed })
    });
    Ok(WalkPage { values: values.collect(), next })
}
