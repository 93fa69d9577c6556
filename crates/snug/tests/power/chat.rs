//! A server whose power is cut, and what it said to the people who write there meanwhile.

use std::{collections::HashSet, ops::Range, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snug_client::{
    Backend, Endpoint,
    wire::{
        apps::AppPatch,
        ids::{AppId, ConversationId, MessageId, Seq},
        messages::Message,
        paging::{HistoryQuery, Limit},
        rates::RatesPatch,
    },
};
use snug_rig::PowerDisk;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    account::{Faults, faults},
    machine::{Fault, Machine, Store},
    people::{PEOPLE, Person, Sent, conversations, furnish},
};

/// After how many acknowledgements the power is cut.
const ACKNOWLEDGED: Range<usize> = 1..120;

/// How long a server may go on without power before it is killed.
const GOES_ON: Duration = Duration::from_secs(3);

/// What people do with a server, as the back end.
const SCOPES: &str = "app,users,tokens,conversations,messages,messages.as_user";

/// A server, and what its clients know.
pub(crate) struct Chat {
    machine: Machine,
    app: AppId,
    key: String,
    random: ChaCha8Rng,
    /// What was acknowledged to its sender, or pushed to others.
    told: Vec<Message>,
    /// What was sent and not answered, since it was last sent again.
    unanswered: Vec<Sent>,
}

impl Chat {
    /// Starts a new server, and makes people and conversations.
    pub(crate) async fn start(seed: u64, disk: PowerDisk, store: Store) -> Chat {
        let machine = Machine::start(disk, store, None);
        let app = machine.operator(&["app", "create", "--name", "Power"]);
        let key = machine.operator(&["key", "create", "--app", &app, "--name", "power", "--scopes", SCOPES]);
        let chat = Chat {
            machine,
            app: app.parse().unwrap(),
            key,
            random: ChaCha8Rng::seed_from_u64(seed),
            told: Vec::new(),
            unanswered: Vec::new(),
        };
        // They write as fast as the server answers.
        chat.backend().patch_app(&AppPatch::of_rates(RatesPatch::highest())).await.unwrap();
        furnish(&chat.backend()).await;
        chat
    }

    /// Goes on with a server that has this fault.
    pub(crate) fn with(self, fault: &Fault) -> Chat {
        let (store, disk) = (self.machine.store(), self.machine.shut_down());
        Chat { machine: Machine::start(disk, store, Some(fault)), ..self }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::new(&self.machine.url()).unwrap()
    }

    fn backend(&self) -> Backend {
        Backend::new(&self.endpoint(), self.app.clone(), &self.key).unwrap()
    }

    /// Cuts the power at a moment of the seed, while everybody writes; then starts everything again on what is left.
    pub(crate) async fn cut_while_sending(&mut self) {
        let moment = self.random.random_range(ACKNOWLEDGED);
        let (count, mut counted) = watch::channel(0);
        let count = Arc::new(count);
        let (endpoint, backend) = (self.endpoint(), self.backend());
        let mut people = JoinSet::new();
        for number in 0..PEOPLE {
            let person = Person::arrive(number, &endpoint, &backend).await;
            let (random, count) = (ChaCha8Rng::seed_from_u64(self.random.random()), Arc::clone(&count));
            people.spawn(async move { (person.send_until_unanswered(random, count).await, person) });
        }
        drop(count);
        counted.wait_for(|count| *count >= moment).await.expect("people who wait for an answer");
        self.machine.cut();
        // The server may go on until a write fails. What it acknowledges until then counts. One that answers first and writes
        // afterwards may go on for as long as it is let.
        let mut ended = Vec::with_capacity(PEOPLE);
        let all = async {
            while let Some(person) = people.join_next().await {
                ended.push(person.unwrap());
            }
        };
        let _ = tokio::time::timeout(GOES_ON, all).await;
        self.machine.kill();
        while let Some(person) = people.join_next().await {
            ended.push(person.unwrap());
        }
        for ((acknowledged, unanswered), person) in ended {
            self.told.extend(acknowledged);
            self.told.extend(person.heard().await);
            self.unanswered.push(unanswered);
        }
        self.machine.restart();
    }

    /// Sends again what was not answered, with the same ids.
    pub(crate) async fn resend(&mut self) {
        let (endpoint, backend) = (self.endpoint(), self.backend());
        for Sent { person, id } in std::mem::take(&mut self.unanswered) {
            let person = Person::arrive(person, &endpoint, &backend).await;
            self.told.push(person.send(id).await.unwrap());
        }
    }

    /// What is wrong, in all conversations together.
    pub(crate) async fn faults(&self) -> Faults {
        let (backend, mut all) = (self.backend(), Faults::default());
        for conversation in conversations() {
            let told: Vec<&Message> =
                self.told.iter().filter(|message| message.conversation == conversation).collect();
            let unanswered: HashSet<&MessageId> = self
                .unanswered
                .iter()
                .filter(|sent| sent.conversation() == conversation)
                .map(|sent| &sent.id)
                .collect();
            all.add(&faults(&told, &unanswered, &history(&backend, &conversation).await));
        }
        all
    }

    /// Stops the server, and looks whether what it leaves is sound.
    pub(crate) fn check_at_rest(self) {
        self.machine.check_at_rest();
    }
}

/// All messages of a conversation, in the order in which the server gives them.
async fn history(backend: &Backend, conversation: &ConversationId) -> Vec<Message> {
    let after = Some(Seq(snug_model::Seq(0)));
    let mut query = HistoryQuery { after, limit: Limit(200), ..HistoryQuery::default() };
    let mut all = Vec::new();
    loop {
        let page = backend.history(conversation, &query).await.unwrap();
        all.extend(page.items);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return all;
        }
    }
}
