//! Templates.

use snug_model::{Action, Facts, Permit, UserKey, Version, facts::TemplateFacts, limits};
use snug_store::{Page, SenderRow, StoreError, TemplateRow, Unique};

use crate::bench::{App, Bench, Conversation, id_mac, seal};

on_both! {
    a_template_is_found_as_it_was_written_in_its_app
    a_template_is_replaced_by_its_next_version_alone
    templates_are_listed_in_the_order_in_which_they_were_made
    what_carries_a_template_is_stale_once_it_says_something_else
    an_app_has_so_many_templates_and_no_more
}

const ALL: Page = Page { after: None, descending: false, limit: 200 };

async fn put(app: &App, row: &TemplateRow) -> bool {
    app.store.put_template(&app.system().await, row.clone()).await.expect("a template can be written")
}

async fn found(app: &App, id: &str) -> Option<TemplateRow> {
    app.store.template(app.key, id_mac(id)).await.expect("templates can be read")
}

async fn a_template_is_found_as_it_was_written_in_its_app(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let row = app.template_row("greeting").await;
    assert!(put(&app, &row).await, "it is new");
    assert_eq!(found(&app, "greeting").await, Some(row.clone()));
    assert_eq!((found(&other, "greeting").await, found(&app, "another").await), (None, None));
    // Another app's of the same id is another one, and deleting that touches nobody's.
    let theirs = other.template_row("greeting").await;
    assert!(put(&other, &theirs).await);
    app.store.delete_template(&app.system().await, id_mac("greeting")).await.unwrap();
    app.store.delete_template(&app.system().await, id_mac("greeting")).await.unwrap();
    assert_eq!((found(&app, "greeting").await, found(&other, "greeting").await), (None, Some(theirs)));
    let again = app.template_row("greeting").await;
    refused!(
        app.store.put_template(&app.system().await, TemplateRow { version: Version(2), ..row }),
        StoreError::Changed
    );
    assert!(put(&app, &again).await);
}

async fn a_template_is_replaced_by_its_next_version_alone(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let row = app.template_row("greeting").await;
    put(&app, &row).await;
    let next = TemplateRow { body: seal("next"), updated_at: app.now(), version: Version(2), ..row.clone() };
    assert!(!put(&app, &next).await, "it was there");
    assert_eq!(found(&app, "greeting").await, Some(next.clone()));
    let permit = app.system().await;
    refused!(app.store.put_template(&permit, next.clone()), StoreError::Changed);
    let far = TemplateRow { version: Version(4), ..next.clone() };
    refused!(app.store.put_template(&permit, far), StoreError::Changed);
    refused!(
        app.store.put_template(&permit, app.template_row("greeting").await),
        StoreError::Taken(Unique::Template)
    );
    let theirs = TemplateRow { version: Version(3), ..next.clone() };
    refused!(other.store.put_template(&other.system().await, theirs), StoreError::Changed);
    assert_eq!(found(&app, "greeting").await, Some(next));
}

async fn templates_are_listed_in_the_order_in_which_they_were_made(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let mut rows = Vec::new();
    for id in ["a", "b", "c"] {
        let row = app.template_row(id).await;
        put(&app, &row).await;
        put(&other, &other.template_row(id).await).await;
        rows.push(row);
    }
    let permit = app.system().await;
    assert_eq!(app.store.list_templates(&permit, ALL).await.unwrap(), rows);
    let newest = Page { descending: true, limit: 2, ..ALL };
    let first = app.store.list_templates(&permit, newest).await.unwrap();
    assert_eq!(first, [rows[2].clone(), rows[1].clone()]);
    let rest = Page { after: Some(first[1].key.0), ..newest };
    assert_eq!(app.store.list_templates(&permit, rest).await.unwrap(), rows[..1]);
}

/// A permit of a member to carry a template as it was when it was read.
async fn carrying(conversation: &Conversation, user: UserKey, row: &TemplateRow) -> Permit {
    let template = Some(TemplateFacts { key: row.key, version: row.version });
    let facts = Facts { template, ..conversation.facts(user).await };
    let decided = conversation.app.client_decides(user, &Action::CarryMessage, &facts);
    decided.expect("a member carries what the app's templates say")
}

async fn what_carries_a_template_is_stale_once_it_says_something_else(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let append = async |permit: &Permit, text: &str| {
        let message = conversation.message(SenderRow::Bot { verified: true }, text);
        app.store.append(permit, message).await
    };
    let (row, other) = (app.template_row("greeting").await, app.template_row("other").await);
    put(&app, &row).await;
    put(&app, &other).await;
    let (permit, of_other) =
        (carrying(&conversation, ann, &row).await, carrying(&conversation, ann, &other).await);
    append(&permit, "first").await.expect("the facts are fresh");
    let next = TemplateRow { body: seal("next"), version: Version(2), ..row };
    put(&app, &next).await;
    refused!(append(&permit, "as it was"), StoreError::Stale);
    let permit = carrying(&conversation, ann, &next).await;
    append(&permit, "as it is").await.expect("it was decided anew");
    app.store.delete_template(&app.system().await, next.id_mac).await.unwrap();
    refused!(append(&permit, "of what is gone"), StoreError::Stale);
    // Made again, it is another one.
    put(&app, &app.template_row("greeting").await).await;
    refused!(append(&permit, "of what was gone"), StoreError::Stale);
    append(&of_other, "another").await.expect("another template is not concerned");
}

async fn an_app_has_so_many_templates_and_no_more(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    for number in 0..limits::TEMPLATES_MAX {
        assert!(put(&app, &app.template_row(&number.to_string()).await).await);
    }
    let permit = app.system().await;
    refused!(app.store.put_template(&permit, app.template_row("more").await), StoreError::Full(_));
    put(&other, &other.template_row("more").await).await;
    app.store.delete_template(&permit, id_mac("0")).await.unwrap();
    assert!(put(&app, &app.template_row("more").await).await);
}
