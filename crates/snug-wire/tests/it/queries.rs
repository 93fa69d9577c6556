//! Query strings, and the entity tags of preconditions.

use insta::assert_snapshot;
use serde::de::DeserializeOwned;
use snug_model::{Rev, Seq, limits, messages::Window};
use snug_wire::{
    paging::{
        AsQuery, ConversationsQuery, HistoryQuery, InboxQuery, NoQuery, Order, PageQuery, RemovalQuery,
        SyncQuery, UsersQuery,
    },
    preconditions,
    query::parse,
};

use crate::samples;

fn refusal<T: DeserializeOwned>(query: &str) -> String {
    match parse::<T>(query) {
        Err(invalid) => invalid.to_string(),
        Ok(_) => panic!("it is not refused: {query}"),
    }
}

#[test]
fn what_is_left_out_takes_its_default() {
    let page: PageQuery = parse("").expect("a query");
    assert_eq!(page, PageQuery { limit: Default::default(), cursor: None, order: Order::Asc });
    assert_eq!(page.limit.0, 50);
    assert_eq!(parse::<NoQuery>(""), Ok(NoQuery {}));
}

#[test]
fn values_are_decoded() {
    let query: ConversationsQuery =
        parse("state=archived&member=a%2Fb%20c+d%C3%A9&active_after=2026-01-02T04%3A04%3A05.678%2B01%3A00&order=desc")
            .expect("a query");
    assert_eq!(query.member.expect("it is given").as_str(), "a/b c dé");
    assert_eq!(query.active_after.expect("it is given").0, samples::at(0));
    assert_eq!(query.order, Order::Desc);
    assert_eq!(parse::<AsQuery>("as=ann").expect("a query").user.expect("it is given").as_str(), "ann");
    assert!(parse::<RemovalQuery>("forget=true").expect("a query").forget);
    let sync: SyncQuery = parse("epoch=5f2a4d8b6e117d3a&since=120&limit=200").expect("a query");
    assert_eq!((sync.epoch.0, sync.since.0, sync.limit.0), (samples::EPOCH, Rev(120), 200));
}

#[test]
fn what_is_wrong_is_named() {
    assert_snapshot!(refusal::<PageQuery>("limit=0"), @"limit: must be from 1 to 200");
    assert_snapshot!(refusal::<PageQuery>("limit=201"), @"limit: must be from 1 to 200");
    assert_snapshot!(refusal::<PageQuery>("limit="), @"limit: must be an integer");
    assert_snapshot!(refusal::<PageQuery>("limit=-1"), @"limit: must be an integer");
    assert_snapshot!(refusal::<PageQuery>("limit=%2B1"), @"limit: must be an integer");
    assert_snapshot!(refusal::<PageQuery>("limit=1e1"), @"limit: must be an integer");
    assert_snapshot!(refusal::<PageQuery>("limit=99999999999999999999"), @"limit: must be an integer");
    assert_snapshot!(refusal::<PageQuery>("limit=1&limit=1"), @"limit: is given twice");
    assert_snapshot!(refusal::<PageQuery>("order=up"), @"order: must be one of `asc`, `desc`");
    assert_snapshot!(refusal::<PageQuery>("Limit=1"), @"Limit: is unknown");
    assert_snapshot!(refusal::<PageQuery>("cursor=%ff"), @"cursor: must be UTF-8");
    assert_snapshot!(refusal::<PageQuery>("%ff=1"), @": must have parameters whose names are UTF-8");
    assert_snapshot!(refusal::<NoQuery>("access_token=x"), @"access_token: is unknown");
    assert_snapshot!(refusal::<RemovalQuery>("forget=yes"), @"forget: must be `true` or `false`");
    assert_snapshot!(refusal::<RemovalQuery>("forget"), @"forget: must be `true` or `false`");
    assert_snapshot!(refusal::<SyncQuery>("since=1"), @"epoch: is missing");
    assert_snapshot!(refusal::<UsersQuery>("ids=a&ids=.."), @"ids[1]: must not be `.`, `..` or `auto`");
}

#[test]
fn ids_may_be_repeated() {
    let ids = |query: &str| {
        let ids = parse::<UsersQuery>(query).expect("a query").ids.0;
        ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(""), Vec::<String>::new());
    assert_eq!(ids("ids=ann"), ["ann"]);
    assert_eq!(ids("ids=ann&ids=bob&limit=7"), ["ann", "bob"]);
    let many = |count: u64| (0..count).map(|id| format!("ids=u{id}")).collect::<Vec<_>>().join("&");
    assert!(parse::<UsersQuery>(&many(limits::LOOKUP_IDS_MAX)).is_ok());
    assert_eq!(refusal::<UsersQuery>(&many(limits::LOOKUP_IDS_MAX + 1)), "ids: must have at most 100 items");
}

#[test]
fn a_page_of_history_has_one_window() {
    let window = |query: &str| parse::<HistoryQuery>(query).and_then(|query| query.window());
    assert_eq!(window("limit=7"), Ok(Window::Newest));
    assert_eq!(window("before=7"), Ok(Window::Before(Seq(7))));
    assert_eq!(window("after=0"), Ok(Window::After(Seq(0))));
    assert_eq!(window("around=7"), Ok(Window::Around(Seq(7))));
    for (query, field) in
        [("before=7&after=7", "after"), ("before=7&around=7", "around"), ("after=7&around=7", "around")]
    {
        assert_eq!(window(query).expect_err("two windows").field, field);
    }
}

#[test]
fn an_inbox_is_paged_or_synced() {
    let checked = |query: &str| parse::<InboxQuery>(query).and_then(|query| query.check());
    for query in ["", "cursor=c&unread=true", "since=t&limit=7"] {
        assert_eq!(checked(query), Ok(()));
    }
    for query in ["since=t&cursor=c", "since=t&unread=true"] {
        assert_eq!(checked(query).expect_err("they exclude each other").field, "since");
    }
}

#[test]
fn a_precondition_is_one_strong_tag() {
    let tag = preconditions::print(samples::EPOCH, Rev(132));
    assert_eq!(tag, r#""5f2a4d8b6e117d3a.132""#);
    assert_eq!(preconditions::parse(&tag), Ok((samples::EPOCH, Rev(132))));
    for header in [
        "",
        "*",
        "5f2a4d8b6e117d3a.132",
        r#""5f2a4d8b6e117d3a""#,
        r#""5f2a4d8b6e117d3a.""#,
        r#""5f2a4d8b6e117d3a.-1""#,
        r#""5f2a4d8b6e117d3a.+1""#,
        r#""5f2a4d8b6e117d3a.9007199254740992""#,
        r#""5F2A4D8B6E117D3A.1""#,
        r#"W/"5f2a4d8b6e117d3a.1""#,
        r#""5f2a4d8b6e117d3a.1", "5f2a4d8b6e117d3a.2""#,
    ] {
        assert!(preconditions::parse(header).is_err(), "{header}");
    }
}
