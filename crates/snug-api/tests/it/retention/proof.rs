//! Many messages under different rules, through a hundred days of virtual time: all that is due is gone, from the API, the rows and the
//! keys, nothing goes early, and what is held stays.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use snug_core::sealing::{OpenError, rule_of};
use snug_model::{AppKey, ConversationKey, Timestamp};
use snug_store::{SealedAt, SealedPlace, WalkFrom};

use crate::harness::{Answer, Backend, Node, Setup, backend::Place, clock::Hands, new_app, new_id};

const DAY_MS: i64 = 86_400_000;
/// 2030-07-01, noon.
const NOON_MS: i64 = 1_909_137_600_000;
/// How many days go by: more than the longest rule but one lasts.
const DAYS: i64 = 100;
/// Conversations of each app: one by the app's rule, one by its own, one that is held.
const CONVERSATIONS: usize = 3;
/// How many days messages live at most in the second conversation.
const OWN_RULE: i64 = 5;
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
    /// The ids of the first message of each day, and of the one that is held of each day, in the first conversation.
    firsts: Vec<(String, String)>,
}

impl Tenant {
    async fn new(node: &Node, rule: Option<i64>) -> Self {
        let (id, key) = new_app(&node.core).await;
        let actor = node.core.system_actor(&snug_model::AppId::parse(&id).unwrap()).await.unwrap();
        let tenant = Self { id, key, number: actor.app(), rule, firsts: Vec::new() };
        let settings = json!({ "settings": { "retention": { "messages": rule } } });
        tenant.ask(node, Method::PATCH, "", Some(settings)).await.is(200);
        for user in ["ann", "eve"] {
            tenant.ask(node, Method::PUT, &format!("/users/{user}"), Some(json!({}))).await.is(201);
        }
        for number in 0..CONVERSATIONS {
            let members = json!([{ "user": "ann" }, { "user": "eve" }]);
            let body = json!({ "id": format!("c{number}"), "members": members });
            tenant.ask(node, Method::POST, "/conversations", Some(body)).await.is(201);
        }
        let own = Some(json!({ "messages": OWN_RULE }));
        tenant.ask(node, Method::PUT, "/conversations/c1/retention", own).await.is(200);
        tenant.ask(node, Method::PUT, "/conversations/c2/hold", None).await.is(204);
        tenant.ask(node, Method::PUT, "/users/eve/hold", None).await.is(204);
        tenant
    }

    async fn ask(&self, node: &Node, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = node.request(method, &format!("/v1/apps/{}{path}", self.id)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        node.send(request).await
    }

    /// Says so much in each conversation; edits and reacts to some of it. Who is held says something too.
    async fn talk(&mut self, node: &Node, messages: usize) {
        for number in 0..CONVERSATIONS {
            let path = format!("/conversations/c{number}/messages");
            let mut first = None;
            let mut left = messages;
            while left > 0 {
                let batch = left.min(BATCH);
                let ids = self.say(node, &path, "ann", batch).await;
                first.get_or_insert(ids[0].clone());
                left -= batch;
            }
            let first = first.unwrap();
            let message = format!("{path}/{first}");
            self.ask(node, Method::PATCH, &message, Some(json!({ "text": "I say it again" }))).await.is(200);
            let reaction = format!("{message}/reactions/%F0%9F%91%8D?as=ann");
            self.ask(node, Method::PUT, &reaction, None).await.is(200);
            if number == 0 {
                let held = self.say(node, &path, "eve", 1).await.remove(0);
                self.firsts.push((first, held));
            }
        }
    }

    async fn say(&self, node: &Node, path: &str, user: &str, count: usize) -> Vec<String> {
        let ids: Vec<_> = (0..count).map(|_| new_id()).collect();
        let say = |id| json!({ "id": id, "text": format!("I say {id}"), "as": { "user": user } });
        let messages: Vec<_> = ids.iter().map(say).collect();
        let body = json!({ "messages": messages });
        self.ask(node, Method::POST, &format!("{path}/batch"), Some(body)).await.is(200);
        ids
    }

    /// The time before which messages of a conversation are due at `now`.
    fn due(&self, number: usize, now: Timestamp) -> Timestamp {
        let own = (number == 1).then_some(OWN_RULE);
        let shortest = self.rule.into_iter().chain(own).min();
        shortest.map_or(Timestamp(0), |days| now.plus_ms(-days * DAY_MS))
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

/// A conversation of an app, and a day.
type Spot = (AppKey, usize, i32);
/// How many messages there are, by those spots.
type Counts = BTreeMap<Spot, usize>;

fn conversation_of(at: &SealedAt) -> Option<ConversationKey> {
    match at.place {
        SealedPlace::Message { conversation, .. } | SealedPlace::Reaction { conversation, .. } => {
            Some(conversation)
        }
        _ => None,
    }
}

/// Which of its app's conversations each value is of: they were made one after the other.
fn spots(values: &[SealedAt]) -> Vec<Spot> {
    let mut conversations: BTreeMap<AppKey, Vec<ConversationKey>> = BTreeMap::new();
    for at in values {
        let known = conversations.entry(at.app).or_default();
        let conversation = conversation_of(at).unwrap();
        if let Err(place) = known.binary_search(&conversation) {
            known.insert(place, conversation);
        }
    }
    let spot = |at: &SealedAt| {
        let number = conversations[&at.app].binary_search(&conversation_of(at).unwrap()).unwrap();
        (at.app, number, written(at).unwrap().day())
    };
    values.iter().map(spot).collect()
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
    let mut aside = Vec::new();
    for day in 0..DAYS {
        for tenant in &mut tenants {
            tenant.talk(&node, each).await;
        }
        if day % 10 == 0 || day == DAYS - 1 {
            let values = stored(&node).await;
            let mut by_seal = BTreeMap::new();
            for (spot, at) in spots(&values).into_iter().zip(values) {
                by_seal.entry((spot, rule_of(&at.sealed))).or_insert(at);
            }
            aside.extend(by_seal.into_iter().map(|((spot, _), at)| (spot, at)));
        }
        hands.forward(DAY_MS);
        node.core.begin_purges().await.unwrap();
        node.core.do_purges().await.unwrap();
    }
    let now = Timestamp(NOON_MS + DAYS * DAY_MS);
    check_rows(&node, &tenants, now, each).await;
    check_keys(&node, &tenants, now, &aside).await;
    check_api(&node, &tenants, now).await;
    let said = each * DAYS as usize * RULES.len() * CONVERSATIONS;
    println!("{said} messages: {} values set aside, in {} apps", aside.len(), tenants.len());
}

/// Every row that is due and not held is gone, and no other one; and each opens.
async fn check_rows(node: &Node, tenants: &[Tenant], now: Timestamp, each: usize) {
    let values = stored(node).await;
    let mut left = Counts::new();
    for (spot, at) in spots(&values).into_iter().zip(&values) {
        let is_message = matches!(at.place, SealedPlace::Message { version: 1, .. });
        *left.entry(spot).or_default() += usize::from(is_message);
    }
    for tenant in tenants {
        for (day, number) in (0..DAYS).flat_map(|day| (0..CONVERSATIONS).map(move |number| (day, number))) {
            let at = Timestamp(NOON_MS + day * DAY_MS);
            let kept = left.get(&(tenant.number, number, at.day())).copied().unwrap_or(0);
            let due = at < tenant.due(number, now);
            let expected = if due && number != 2 { 0 } else { each };
            let held = usize::from(number == 0);
            assert_eq!(kept, expected + held, "{:?} days, c{number}, day {day}", tenant.rule);
        }
        let sealer = node.sealer().await;
        let own: Vec<_> = values.iter().filter(|at| at.app == tenant.number).collect();
        let opener = sealer.opener(tenant.number, own.iter().map(|at| &at.sealed)).await.unwrap();
        assert!(
            own.iter().all(|at| opener.check(at) == Ok(())),
            "{:?} days: all that is there opens",
            tenant.rule
        );
    }
}

/// What was set aside opens if its day is not over for as long as messages live, and else never again: what is held was sealed anew.
async fn check_keys(node: &Node, tenants: &[Tenant], now: Timestamp, aside: &[(Spot, SealedAt)]) {
    let sealer = node.sealer().await;
    let (mut open, mut destroyed) = (0, 0);
    for ((app, number, day), at) in aside {
        let tenant = tenants.iter().find(|tenant| tenant.number == *app).unwrap();
        let opened = sealer.opener(*app, [&at.sealed]).await.unwrap().check(at);
        let rule = rule_of(&at.sealed);
        // The rule is the conversation's own, the app's, or that of a purge which found it held.
        assert!(rule < 0 || (rule > 0) == (*number == 1), "c{number}: {rule}");
        if rule >= 0 && *day < tenant.due(*number, now).day() {
            assert_eq!(opened, Err(OpenError::Destroyed), "{:?} days, c{number}, day {day}", tenant.rule);
            destroyed += 1;
        } else {
            assert_eq!(opened, Ok(()), "{:?} days, c{number}, day {day}, rule {rule}", tenant.rule);
            open += 1;
        }
    }
    assert!(open > 10 && destroyed > 10, "{open} open, {destroyed} do not");
}

/// Clients see what is kept, and learn of what was purged that it is gone; who reads what is held finds all of it.
async fn check_api(node: &Node, tenants: &[Tenant], now: Timestamp) {
    for tenant in tenants {
        let mut held = Vec::new();
        for (day, (first, kept)) in (0..DAYS).zip(&tenant.firsts) {
            let due = Timestamp(NOON_MS + day * DAY_MS) < tenant.due(0, now);
            for id in [first, kept] {
                let path = format!("/conversations/c0/messages/{id}");
                let answer = tenant.ask(node, Method::GET, &path, None).await;
                if due {
                    answer.refused(410, "gone");
                } else {
                    answer.is(200);
                }
            }
            if due {
                held.push(kept.clone());
            }
        }
        let page = tenant.ask(node, Method::GET, "/conversations/c0/held?limit=200", None).await.is(200);
        let found: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| &item["message"]).collect();
        let ids: Vec<_> = found.iter().map(|message| message["id"].as_str().unwrap()).collect();
        assert_eq!(ids, held, "{:?} days", tenant.rule);
        let texts = held.iter().map(|id| format!("I say {id}"));
        assert!(texts.zip(&found).all(|(text, message)| message["text"] == text.as_str()));
    }
}
