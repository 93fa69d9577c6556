//! Every object of the contract, as it is written; and that what is written can be read again.

use insta::assert_snapshot;
use serde::{Serialize, de::DeserializeOwned};
use snug_model::{
    Rev, Seq, Timestamp,
    audit::{Entered, Head, ShownTarget},
    consents, conversations, members, messages,
    sanctions::SanctionedBy,
    text::BotName,
    users,
};
use snug_wire::{
    apps::App,
    audit::{AuditEntry, AuditHead},
    consents::ConsentRecord,
    conversations::{Conversation, Inbox, InboxItem},
    ids::{ConversationId, JobId},
    jobs::{Job, JobReceipt, JobState, RowsDealtWith, StartedJob},
    json,
    keys::{ApiKey, NewApiKey},
    limits::Limits,
    members::{AddedMembers, Member},
    messages::{Changes, Message, MessageVersion, ReadMark, WrittenMessage},
    paging::Page,
    people::FoundPerson,
    role_tools::{Holder, RoleLint, Simulated},
    roles::Role,
    sanctions::{Muted, Sanctioned},
    secrets::{AccessToken, KeySecret},
    templates::Template,
    tokens::Token,
    users::{Presence, User},
};

use crate::samples;

/// What is written, laid out for reading, after it was read and written again without a difference.
pub(crate) fn shown<T: Serialize + DeserializeOwned>(value: &T) -> String {
    let written = json::print(value).expect("it can be written");
    let read: T = serde_json::from_slice(&written).expect("it can be read");
    let again = json::print(&read).expect("it can be written again");
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&again));
    serde_json::to_string_pretty(value).expect("it can be written")
}

#[test]
fn apps_keys_roles_and_tokens() {
    assert_snapshot!("app", shown(&App::from(samples::app())));
    assert_snapshot!("key", shown(&ApiKey::from(samples::key())));
    let secret = KeySecret::new("s".repeat(43));
    assert_snapshot!("new_key", shown(&NewApiKey { key: samples::key().into(), secret }));
    assert_snapshot!("token_key", shown(&samples::token_key()));
    assert_snapshot!("role", shown(&Role::from(samples::role())));
    let token = AccessToken::new("head.claims.signature".to_owned());
    let user = samples::user_id("ann@example.com").into();
    assert_snapshot!("token", shown(&Token { token, user, expires_at: samples::at(3_600).into() }));
}

#[test]
fn consents() {
    let record = samples::consent_record();
    assert_snapshot!("consent_record", shown(&ConsentRecord::from(record.clone())));
    let by_key =
        consents::ConsentRecord { by: consents::AcceptedBy::Key(samples::key_id()), ..record.clone() };
    assert_snapshot!("consent_record_by_key", shown(&ConsentRecord::from(by_key)));
    let by_system = consents::ConsentRecord { by: consents::AcceptedBy::System, ..record };
    assert_snapshot!("consent_record_by_system", shown(&ConsentRecord::from(by_system)));
}

#[test]
fn audit() {
    let entered = samples::entered();
    assert_snapshot!("audit_entry", shown(&AuditEntry::from(entered.clone())));
    let erased = Entered {
        by: SanctionedBy::User(None),
        address: None,
        target: ShownTarget { user: None, conversation: None, ..entered.target.clone() },
        details: None,
        ..entered
    };
    assert_snapshot!("audit_entry_erased", shown(&AuditEntry::from(erased)));
    let head = samples::audit_head();
    assert_snapshot!("audit_head", shown(&AuditHead::from(head.clone())));
    assert_eq!(Head::try_from(AuditHead::from(head.clone())), Ok(head));
}

#[test]
fn templates() {
    assert_snapshot!("template", shown(&Template::from(samples::template())));
}

#[test]
fn role_tools() {
    let holders: Vec<Holder> = samples::holders().into_iter().map(Into::into).collect();
    assert_snapshot!("holders", shown(&holders));
    let roles = vec![samples::simulated().into()];
    assert_snapshot!("simulated", shown(&Simulated { roles }));
    assert_snapshot!("role_lint", shown(&RoleLint::from(samples::lint())));
}

#[test]
fn users() {
    assert_snapshot!("user", shown(&User::from(samples::user())));
    let bare = users::User { profile: users::Profile::default(), ..samples::user() };
    assert_snapshot!("user_without_profile", shown(&User::from(bare)));
    assert_snapshot!("people", shown(&samples::people()));
    let found = FoundPerson::from((samples::user_id("bob"), users::Person::default()));
    assert_snapshot!("found_person", shown(&found));
    assert_snapshot!(
        "presence",
        shown(&Presence { online: false, last_seen_at: Some(samples::at(0).into()) })
    );
}

#[test]
fn sanctions() {
    assert_snapshot!("sanctioned", shown(&Sanctioned::from(samples::sanctioned())));
    assert_snapshot!("muted", shown(&vec![Muted::new(samples::at(60)), Muted::new(Timestamp::NEVER)]));
}

#[test]
fn conversations() {
    assert_snapshot!("conversation", shown(&Conversation::from(samples::conversation())));
    let archived = conversations::Conversation {
        alias: None,
        profile: conversations::Profile::default(),
        state: conversations::State::Archived,
        frozen: true,
        history: conversations::History::All,
        created_by: None,
        ..samples::conversation()
    };
    assert_snapshot!("conversation_archived", shown(&Conversation::from(archived)));
    assert_snapshot!("inbox_item", shown(&InboxItem::from(samples::inbox_item())));
    let empty = conversations::InboxItem { last_message: None, ..samples::inbox_item() };
    let inbox = Inbox {
        items: vec![empty.into()],
        gone: vec!["order-7".parse::<ConversationId>().expect("an id")],
        next: Some("cursor".to_owned()),
        sync_token: "token".to_owned(),
        reset: false,
        users: Some(samples::people()),
    };
    assert_snapshot!("inbox", shown(&inbox));
}

#[test]
fn members() {
    assert_snapshot!("member", shown(&Member::from(samples::member())));
    let hidden = members::Member {
        user: None,
        access: members::Access::None,
        label: None,
        notify: members::Notify::None,
        read_seq: None,
        read_at: None,
        ..samples::member()
    };
    assert_snapshot!("member_erased", shown(&Member::from(hidden)));
    let added = AddedMembers { rev: Rev(133).into(), members: vec![samples::member().into()] };
    assert_snapshot!("added_members", shown(&added));
    let page =
        Page { items: vec![Member::from(samples::member())], next: None, users: Some(samples::people()) };
    assert_snapshot!("page_of_members", shown(&page));
}

#[test]
fn messages() {
    assert_snapshot!("message", shown(&WrittenMessage { message: samples::message().into() }));
    assert_snapshot!("tombstone", shown(&Message::from(samples::tombstone())));
    let bare = messages::Message {
        content: Some(messages::Content::default()),
        reply_to: None,
        reactions: Vec::new(),
        via: Some(messages::Via::Import),
        edited_at: Some(samples::at(150)),
        ..samples::message()
    };
    assert_snapshot!("message_without_content", shown(&Message::from(bare)));
    let version = messages::MessageVersion {
        version: 1,
        content: samples::message().content.expect("it says something"),
        at: samples::at(120),
    };
    assert_snapshot!("version", shown(&MessageVersion::from(version)));
    let page = Page {
        items: vec![Message::from(samples::tombstone())],
        next: Some("cursor".to_owned()),
        users: None,
    };
    assert_snapshot!("page_of_messages", shown(&page));
    let mark = ReadMark { read_seq: Seq(85).into(), read_at: Some(samples::at(90).into()), unread: 6 };
    assert_snapshot!("read_mark", shown(&mark));
}

#[test]
fn every_kind_of_sender() {
    let senders = [
        messages::Sender::User(Some(samples::user_id("bob"))),
        messages::Sender::User(None),
        messages::Sender::Bot { name: Some(BotName::parse("Helper").expect("a name")), verified: true },
        messages::Sender::Bot { name: None, verified: false },
        messages::Sender::System,
    ];
    let written = senders.map(|sender| {
        let message = messages::Message { sender, via: Some(messages::Via::Api), ..samples::message() };
        let message = Message::from(message);
        shown(&message);
        serde_json::to_string(&message.sender).expect("it can be written")
    });
    assert_snapshot!(written.join("\n"), @r#"
    {"user":"bob"}
    {"user":null}
    {"bot":"Helper","verified":true}
    {"bot":null,"verified":false}
    {"system":true}
    "#);
}

#[test]
fn changes() {
    let changes = Changes {
        epoch: samples::EPOCH.into(),
        to: Rev(132).into(),
        head: Rev(140).into(),
        more: true,
        reset: false,
        messages: vec![samples::message().into()],
        members: vec![samples::member().into()],
        conversation: Some(samples::conversation().into()),
        purged_before: Some(Seq(3).into()),
        read_seq: Some(Seq(85).into()),
        users: samples::people(),
    };
    assert_snapshot!("changes", shown(&changes));
}

#[test]
fn jobs_and_limits() {
    let id: JobId = "job_4tZqk0bGx2".parse().expect("an id");
    assert_snapshot!("started_job", shown(&StartedJob { job: id.clone() }));
    let receipt = Some(JobReceipt::Other(RowsDealtWith { rows: 12 }));
    assert_snapshot!("job", shown(&Job { id, state: JobState::Done, progress: 12, receipt }));
    assert_snapshot!("limits", shown(&Limits::of_server()));
}

/// An older program passes over what a newer server says.
#[test]
fn answers_with_more_fields_are_read() {
    let mut json = serde_json::to_value(Role::from(samples::role())).expect("JSON");
    json["colour"] = "red".into();
    json["permissions"].as_array_mut().expect("a list").push("message.levitate".into());
    let role: Role = serde_json::from_value(json).expect("it can be read");
    assert_eq!(role, samples::role().into());
}
