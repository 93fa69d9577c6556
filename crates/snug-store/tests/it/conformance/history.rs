//! Pages of messages, at any depth for the same cost.

use snug_model::{Permit, Seq, messages::Window};
use snug_store::MessagePage;

use crate::bench::{Bench, Conversation, mac, seal};

on_both! {
    every_window_at_every_edge
    a_page_begins_where_the_view_does
    a_page_ends_where_the_view_does
    a_page_shows_tombstones_and_reactions
    an_empty_conversation_has_empty_pages
    the_depth_of_a_page_costs_nothing
}

async fn page(conversation: &Conversation, permit: &Permit, window: Window, limit: i64) -> MessagePage {
    conversation.app.store.history(permit, window, limit).await.expect("history can be read")
}

fn seqs(page: &MessagePage) -> Vec<i64> {
    page.messages.iter().map(|message| message.seq.0).collect()
}

/// What a window must show of the seqs `first..=last`.
fn expected(window: Window, limit: i64, first: i64, last: i64) -> Vec<i64> {
    let (from, to) = match window {
        Window::Newest => (last - limit + 1, last),
        Window::Before(Seq(seq)) => (seq.min(last + 1) - limit, seq - 1),
        Window::After(Seq(seq)) => (seq + 1, seq.max(first - 1) + limit),
        Window::Around(Seq(seq)) => (seq - limit / 2, seq - limit / 2 + limit - 1),
    };
    (from.max(first)..=to.min(last)).collect()
}

/// Compares every window and several limits with what they must show.
async fn assert_pages(conversation: &Conversation, permit: &Permit, first: i64, last: i64) {
    let edges = [0, 1, first - 1, first, first + 1, (first + last) / 2, last - 1, last, last + 1, last + 100];
    let around = |seq: i64| [Window::Before(Seq(seq)), Window::After(Seq(seq)), Window::Around(Seq(seq))];
    let windows = edges.into_iter().filter(|seq| *seq >= 0).flat_map(around);
    for window in windows.chain([Window::Newest]) {
        for limit in [1, 2, 3, 7, 200] {
            let said = format!("{window:?} limit {limit} of {first}..={last}");
            let page = page(conversation, permit, window, limit).await;
            if matches!(window, Window::Around(Seq(seq)) if !(first..=last).contains(&seq)) {
                // Around what is not shown may be nothing; what there is, is in order and within.
                assert!(seqs(&page).windows(2).all(|pair| pair[0] + 1 == pair[1]), "{said}");
                assert!(seqs(&page).iter().all(|seq| (first..=last).contains(seq)), "{said}");
                continue;
            }
            let expected = expected(window, limit, first, last);
            match window {
                // Where one side is short, the other may fill the page.
                Window::Around(Seq(seq)) => {
                    let seqs = seqs(&page);
                    assert!(seqs.contains(&seq) && seqs.len() as i64 <= limit, "{said}: {seqs:?}");
                    assert!(
                        expected.iter().all(|seq| seqs.contains(seq)),
                        "{said}: {seqs:?} lacks some of {expected:?}"
                    );
                    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{said}: {seqs:?}");
                }
                _ => assert_eq!(seqs(&page), expected, "{said}"),
            }
            if let (Some(oldest), Some(newest)) = (seqs(&page).first(), seqs(&page).last()) {
                assert_eq!((page.older, page.newer), (*oldest > first, *newest < last), "{said}");
            }
        }
    }
    assert!(!page(conversation, permit, Window::Before(Seq(first)), 5).await.older);
    assert!(!page(conversation, permit, Window::After(Seq(last)), 5).await.newer);
}

async fn every_window_at_every_edge(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    for number in 1..=20 {
        conversation.send(ann, &format!("{number}")).await;
    }
    assert_pages(&conversation, &conversation.client(bob).await, 1, 20).await;
    assert_pages(&conversation, &conversation.system().await, 1, 20).await;
}

async fn a_page_begins_where_the_view_does(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann]).await;
    for number in 1..=9 {
        conversation.send(ann, &format!("{number}")).await;
    }
    conversation.add(&[bob]).await;
    for number in 10..=20 {
        conversation.send(ann, &format!("{number}")).await;
    }
    assert_pages(&conversation, &conversation.client(bob).await, 10, 20).await;
    assert_pages(&conversation, &conversation.client(ann).await, 1, 20).await;
}

async fn a_page_ends_where_the_view_does(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation_since_joined("c", &[ann]).await;
    for number in 1..=4 {
        conversation.send(ann, &format!("{number}")).await;
    }
    conversation.add(&[bob]).await;
    for number in 5..=15 {
        conversation.send(ann, &format!("{number}")).await;
    }
    conversation.remove(bob).await;
    for number in 16..=20 {
        conversation.send(ann, &format!("{number}")).await;
    }
    assert_pages(&conversation, &conversation.client(bob).await, 5, 15).await;
}

async fn a_page_shows_tombstones_and_reactions(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let mut sent = Vec::new();
    for number in 1..=4 {
        sent.push(conversation.send(ann, &format!("{number}")).await);
    }
    conversation.delete_message(sent[1].id).await.unwrap();
    conversation.edit(sent[2].id, 2, "new").await.unwrap();
    conversation.react(bob, sent[0].id, "a", true).await.unwrap();
    conversation.react(bob, sent[3].id, "b", true).await.unwrap();
    conversation.react(ann, sent[3].id, "a", true).await.unwrap();
    let permit = conversation.client(bob).await;
    let page = page(&conversation, &permit, Window::Newest, 10).await;
    for (row, sent) in page.messages.iter().zip(&sent) {
        let alone = app.store.message(&permit, sent.id).await.unwrap();
        assert_eq!(alone.as_ref(), Some(row), "a page shows a message as it is alone");
    }
    assert_eq!((page.messages[1].body.clone(), page.messages[2].body.clone()), (None, Some(seal("new"))));
    let emoji = |index: usize| {
        let rows: &Vec<_> = &page.messages[index].reactions;
        rows.iter().map(|reaction| (reaction.emoji_mac, reaction.mine)).collect::<Vec<_>>()
    };
    assert_eq!(emoji(0), [(mac("a"), true)]);
    assert_eq!(emoji(3), [(mac("b"), true), (mac("a"), false)]);
}

async fn an_empty_conversation_has_empty_pages(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let permit = conversation.client(ann).await;
    for window in [Window::Newest, Window::Before(Seq(5)), Window::After(Seq(0)), Window::Around(Seq(1))] {
        let page = page(&conversation, &permit, window, 10).await;
        assert_eq!(page, MessagePage { messages: vec![], older: false, newer: false }, "{window:?}");
    }
}

async fn the_depth_of_a_page_costs_nothing(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let permit = conversation.client(ann).await;
    for number in 1..=300 {
        let message = conversation.message(snug_store::SenderRow::User(ann), &format!("{number}"));
        conversation.append(&permit, message).await.unwrap();
    }
    let mut costs = Vec::new();
    for seq in [21, 150, 290] {
        let (rows, page) = bench.rows_read(page(&conversation, &permit, Window::Before(Seq(seq)), 20)).await;
        assert_eq!(page.messages.len(), 20);
        costs.push(rows);
    }
    assert!(costs[0] > 0 && costs[0].abs_diff(costs[1]) <= 2 && costs[1] == costs[2], "{costs:?}");
}
