//! Many messages under different rules, through half a year of virtual time: all that is due is gone, from the API, the rows and the
//! keys, and nothing goes early.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use snug_core::sealing::OpenError;
use snug_model::{AppKey, Timestamp};
use snug_store::{SealedAt, SealedPlace, WalkFrom};

use crate::harness::{Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

const DAY_MS: i64 = 86_400_000;
/// 2030-07-01, noon.
const NOON_MS: i64 = 1_909_137_600_000;
/// How many days go by: more than the longest rule but one lasts.
const DAYS: i64 = 100;
/// Conversations of each app.
const CONVERSATIONS: usize = 2;
/// Messages of a batch.
const BATCH: usize = 100;
/// The apps' rules, in days.
const RULES: [Option<i64>; 4] = [Some(3), Some(7), Some(90), None];

/// An app, and how long it keeps messages.
struct Tenant {
    id: String,
    key: String,
    number: AppKey,
    rule: Option<i64>,
    /// The ids of the first message of each day.
    firsts: Vec<String>,
}

impl Tenant {
    async fn new(node: &Node, rule: Option<i64>) -> Self {
        let (id, key) = new_app(&node.core).await;
        let actor = node.core.system_actor(&snug_model::AppId::parse(&id).unwrap()).await.unwrap();
        let tenant = Self { id, key, number: actor.app(), rule, firsts: Vec::new() };
        let settings = json!({ "settings": { "retention": { "messages": rule } } });
        tenant.ask(node, Method::PATCH, "", Some(settings)).await.is(200);
        tenant.ask(node, Method::PUT, "/users/ann", Some(json!({ "name": "Ann" }))).await.is(201);
        for number in 0..CONVERSATIONS {
            let body = json!({ "id": format!("c{number}"), "members": [{ "user": "ann" }] });
            tenant.ask(node, Method::POST, "/conversations", Some(body)).await.is(201);
        }
        tenant
    }

    async fn ask(
        &self,
        node: &Node,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> crate::harness::Answer {
        let mut request = node.request(method, &format!("/v1/apps/{}{path}", self.id)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        node.send(request).await
    }

    /// Says so much in each conversation; edits and reacts to some of it.
    async fn talk(&mut self, node: &Node, messages: usize) {
        for number in 0..CONVERSATIONS {
            let path = format!("/conversations/c{number}/messages");
            let mut first = None;
            let mut left = messages;
            while left > 0 {
                let batch = left.min(BATCH);
                let said: Vec<_> = (0..batch).map(|_| new_id()).collect();
                let messages: Vec<_> = said
                    .iter()
                    .map(|id| json!({ "id": id, "text": format!("I say {id}"), "as": { "user": "ann" } }))
                    .collect();
                let body = json!({ "messages": messages });
                self.ask(node, Method::POST, &format!("{path}/batch"), Some(body)).await.is(200);
                first.get_or_insert(said[0].clone());
                left -= batch;
            }
            let first = first.unwrap();
            let path = format!("{path}/{first}");
            self.ask(node, Method::PATCH, &path, Some(json!({ "text": "I say it again" }))).await.is(200);
            let reaction = format!("{path}/reactions/%F0%9F%91%8D?as=ann");
            self.ask(node, Method::PUT, &reaction, None).await.is(200);
            if number == 0 {
                self.firsts.push(first);
            }
        }
    }

    /// The time before which messages are due at `now`.
    fn due(&self, now: Timestamp) -> Timestamp {
        self.rule.map_or(Timestamp(0), |days| now.plus_ms(-days * DAY_MS))
    }
}

/// A message's time, if that is what a value belongs to.
fn written(at: &SealedAt) -> Option<Timestamp> {
    match at.place {
        SealedPlace::Message { created_at, .. } | SealedPlace::Reaction { created_at, .. } => {
            Some(created_at)
        }
        _ => None,
    }
}

/// Every sealed value of messages and reactions, read past the API.
async fn stored(node: &Node) -> Vec<SealedAt> {
    let (store, _) = node.place().open().await.unwrap();
    let (mut values, mut from) = (Vec::new(), Some(WalkFrom::default()));
    while let Some(part) = from {
        let page = store.walk(part, 10_000).await.unwrap();
        values.extend(page.values.into_iter().filter(|at| written(at).is_some()));
        from = page.next;
    }
    values
}

/// How many messages there are in each app and day, and a value of each.
type Days = BTreeMap<(AppKey, i32), (usize, SealedAt)>;

fn by_day(values: Vec<SealedAt>) -> Days {
    let mut days = Days::new();
    for at in values {
        let day = written(&at).unwrap().day();
        let is_message = matches!(at.place, SealedPlace::Message { version: 1, .. });
        let entry = days.entry((at.app, day)).or_insert_with(|| (0, at));
        entry.0 += usize::from(is_message);
    }
    days
}

/// Says `messages` in all, day by day, while purges begin as they do by themselves; then looks at what is left.
pub(crate) async fn prove(backend: Backend, messages: usize) {
    let hands = Hands::at(NOON_MS);
    let setup = Setup { clock: hands.clone(), ..Setup::default() };
    let node = Node::start_with(Place::new(backend), setup).await;
    let mut tenants = Vec::new();
    for rule in RULES {
        tenants.push(Tenant::new(&node, rule).await);
    }
    let each = messages / (DAYS as usize * RULES.len() * CONVERSATIONS);
    let mut aside = Days::new();
    for day in 0..DAYS {
        for tenant in &mut tenants {
            tenant.talk(&node, each).await;
        }
        if day % 10 == 0 || day == DAYS - 1 {
            aside.append(&mut by_day(stored(&node).await));
        }
        hands.forward(DAY_MS);
        node.core.begin_purges().await.unwrap();
        node.core.do_purges().await.unwrap();
    }
    let now = Timestamp(NOON_MS + DAYS * DAY_MS);
    check_rows(&node, &tenants, now, each).await;
    check_keys(&node, &tenants, now, &aside).await;
    check_api(&node, &tenants, now).await;
    println!("{messages} messages: {} days set aside, in {} apps", aside.len(), tenants.len());
}

/// Every row that is due is gone, and no other one.
async fn check_rows(node: &Node, tenants: &[Tenant], now: Timestamp, each: usize) {
    let left = by_day(stored(node).await);
    for tenant in tenants {
        for day in 0..DAYS {
            let at = Timestamp(NOON_MS + day * DAY_MS);
            let kept = left.get(&(tenant.number, at.day())).map_or(0, |(count, _)| *count);
            let expected = if at < tenant.due(now) { 0 } else { each * CONVERSATIONS };
            assert_eq!(kept, expected, "{:?} days, {day} days after the first", tenant.rule);
        }
    }
}

/// What was set aside opens if its day is not over for as long as messages live, and else never again.
async fn check_keys(node: &Node, tenants: &[Tenant], now: Timestamp, aside: &Days) {
    let sealer = node.sealer().await;
    let (mut open, mut destroyed) = (0, 0);
    for ((app, day), (_, at)) in aside {
        let tenant = tenants.iter().find(|tenant| tenant.number == *app).unwrap();
        let opened = sealer.opener(*app, [&at.sealed]).await.unwrap().check(at);
        if *day < tenant.due(now).day() {
            assert_eq!(opened, Err(OpenError::Destroyed), "{:?} days, day {day}", tenant.rule);
            destroyed += 1;
        } else {
            assert_eq!(opened, Ok(()), "{:?} days, day {day}", tenant.rule);
            open += 1;
        }
    }
    assert!(open > 10 && destroyed > 10, "{open} days open, {destroyed} do not");
}

/// Clients see what is kept, and learn of what was purged that it is gone.
async fn check_api(node: &Node, tenants: &[Tenant], now: Timestamp) {
    for tenant in tenants {
        for (day, id) in (0..DAYS).zip(&tenant.firsts) {
            let path = format!("/conversations/c0/messages/{id}");
            let answer = tenant.ask(node, Method::GET, &path, None).await;
            if Timestamp(NOON_MS + day * DAY_MS) < tenant.due(now) {
                answer.refused(410, "gone");
            } else {
                assert_eq!(answer.is(200)["message"]["text"], "I say it again");
            }
        }
    }
}
