//! How often somebody may ask: who pays for a request, and what is never refused.
//!
//! Who was authenticated pays for each request from the user's or key's bucket and from the app's; a message pays from its
//! conversation's too. What comes before that is paid for by address, in each app apart, so that no app's flood empties
//! another's buckets. Nothing here is stored: a node that starts begins with full buckets.

mod buckets;

use std::net::{IpAddr, Ipv6Addr};

use snug_model::{
    Actor, AppId, AppKey, ConversationKey, KeyId, MessageId, Timestamp, UserKey, limits, rates::Rates,
};

pub(crate) use self::buckets::Empty;
use self::buckets::Keyed;
use crate::{Core, Error, Result, authorize::Allowed};

/// The part of an IPv6 address that a provider gives to one customer (RFC 6177): who has one has all of it.
const IPV6_CUSTOMER_BITS: u32 = 64;

/// Whose addresses are bounded together: an app, and a network.
type Network = (AppKey, IpAddr);

/// The buckets of a node.
pub(crate) struct Buckets {
    users: Keyed<(AppKey, UserKey)>,
    keys: Keyed<(AppKey, KeyId)>,
    apps: Keyed<AppKey>,
    conversations: Keyed<ConversationKey>,
    arrivals: Keyed<Network>,
    failures: Keyed<Network>,
}

impl Default for Buckets {
    fn default() -> Self {
        let max = limits::RATE_BUCKETS_MAX as usize;
        Self {
            users: Keyed::new(max),
            keys: Keyed::new(max),
            apps: Keyed::new(max),
            conversations: Keyed::new(max),
            arrivals: Keyed::new(max),
            failures: Keyed::new(max),
        }
    }
}

impl From<Empty> for Error {
    fn from(Empty { retry_after_ms }: Empty) -> Self {
        Self::RateLimited { retry_after_ms }
    }
}

impl Buckets {
    /// Drops what is full again.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.users.sweep(now);
        self.keys.sweep(now);
        self.apps.sweep(now);
        self.conversations.sweep(now);
        self.arrivals.sweep(now);
        self.failures.sweep(now);
    }

    fn take_of_actor(&self, actor: &Actor, rates: &Rates, now: Timestamp) -> Result<(), Empty> {
        match actor {
            Actor::User(user) => self.users.take(&(user.app, user.user), rates.user, now),
            Actor::Key(key) => self.keys.take(&(key.app, key.key.clone()), rates.key, now),
            Actor::System(_) => Ok(()),
        }
    }

    fn give_back_to_actor(&self, actor: &Actor, rates: &Rates, now: Timestamp) {
        match actor {
            Actor::User(user) => self.users.give_back(&(user.app, user.user), rates.user, now),
            Actor::Key(key) => self.keys.give_back(&(key.app, key.key.clone()), rates.key, now),
            Actor::System(_) => {}
        }
    }

    /// Takes from the actor's bucket and the app's: from both or from none.
    fn take(&self, actor: &Actor, rates: &Rates, now: Timestamp) -> Result<(), Empty> {
        self.take_of_actor(actor, rates, now)?;
        let app = match actor {
            Actor::User(_) | Actor::Key(_) => self.apps.take(&actor.app(), rates.app, now),
            // The server itself, and who has the data folder, are nobody's guests.
            Actor::System(_) => Ok(()),
        };
        app.inspect_err(|_| self.give_back_to_actor(actor, rates, now))
    }

    fn give_back(&self, actor: &Actor, rates: &Rates, now: Timestamp) {
        self.give_back_to_actor(actor, rates, now);
        match actor {
            Actor::User(_) | Actor::Key(_) => self.apps.give_back(&actor.app(), rates.app, now),
            Actor::System(_) => {}
        }
    }
}

impl Core {
    /// Takes what a request costs, once it is known who asks.
    ///
    /// # Errors
    /// `RateLimited` where the actor, or everybody in the app together, asks too often.
    pub async fn charge(&self, actor: &Actor) -> Result<()> {
        let rates = self.rates_of(actor).await?;
        Ok(self.buckets.take(actor, &rates, self.clock.now())?)
    }

    /// Takes what a request costs as far as there is something, and refuses nothing: for acts that end somebody's access, which
    /// nobody may keep from being done by asking for other things before.
    ///
    /// # Errors
    /// Never `RateLimited`.
    pub async fn charge_what_is_there(&self, actor: &Actor) -> Result<()> {
        let (rates, now) = (self.rates_of(actor).await?, self.clock.now());
        match actor {
            Actor::User(user) => {
                self.buckets.users.take_what_is_there(&(user.app, user.user), rates.user, now);
            }
            Actor::Key(key) => {
                self.buckets.keys.take_what_is_there(&(key.app, key.key.clone()), rates.key, now);
            }
            Actor::System(_) => return Ok(()),
        }
        self.buckets.apps.take_what_is_there(&actor.app(), rates.app, now);
        Ok(())
    }

    /// Takes what messages cost, in their order. A repeat costs nothing, and passes although there is nothing left; so before
    /// one is refused, the store is asked which of them it knows.
    pub(crate) async fn charge_sends(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        messages: &[MessageId],
    ) -> Result<Vec<Charged>> {
        let mut charged: Vec<Charged> = Vec::with_capacity(messages.len());
        let mut looked = false;
        for (place, message) in messages.iter().enumerate() {
            let first = messages[..place].iter().position(|earlier| earlier == message);
            if let Some(first) = first.map(|first| charged[first]) {
                charged.push(if first == Charged::Paid { Charged::Free } else { first });
                continue;
            }
            let mut taken = self.charge_send(actor, allowed);
            if matches!(taken, Charged::Refused(_)) && self.is_known(allowed, *message).await? {
                taken = Charged::Free;
            }
            if matches!(taken, Charged::Refused(_)) && !looked {
                looked = true;
                for (paid, earlier) in charged.iter_mut().zip(messages) {
                    if *paid == Charged::Paid && self.is_known(allowed, *earlier).await? {
                        self.refund_send(actor, allowed);
                        *paid = Charged::Free;
                    }
                }
                taken = self.charge_send(actor, allowed);
            }
            charged.push(taken);
        }
        Ok(charged)
    }

    /// Takes what one message costs: from all of its buckets or from none.
    fn charge_send(&self, actor: &Actor, allowed: &Allowed) -> Charged {
        let (rates, now) = (&allowed.app.rates, self.clock.now());
        let taken = self.buckets.take(actor, rates, now).and_then(|()| {
            let Some(conversation) = &allowed.conversation else { return Ok(()) };
            let taken = self.buckets.conversations.take(&conversation.key, rates.conversation, now);
            taken.inspect_err(|_| self.buckets.give_back(actor, rates, now))
        });
        match taken {
            Ok(()) => Charged::Paid,
            Err(empty) => Charged::Refused(empty),
        }
    }

    async fn is_known(&self, allowed: &Allowed, message: MessageId) -> Result<bool> {
        Ok(self.store.message(&allowed.permit, message).await?.is_some())
    }

    /// Gives back what so many requests have cost that are to be asked again.
    pub(crate) async fn refund(&self, actor: &Actor, requests: usize) -> Result<()> {
        let (rates, now) = (self.rates_of(actor).await?, self.clock.now());
        (0..requests).for_each(|_| self.buckets.give_back(actor, &rates, now));
        Ok(())
    }

    /// Gives back what a message has cost that was not sent after all.
    pub(crate) fn refund_send(&self, actor: &Actor, allowed: &Allowed) {
        let (rates, now) = (&allowed.app.rates, self.clock.now());
        self.buckets.give_back(actor, rates, now);
        if let Some(conversation) = &allowed.conversation {
            self.buckets.conversations.give_back(&conversation.key, rates.conversation, now);
        }
    }

    /// Lets somebody in an app begin who was not authenticated yet: a socket that opens, a proof that is exchanged for a token.
    ///
    /// # Errors
    /// `RateLimited` where too many came from that address; `Unauthenticated` for an unknown app.
    pub async fn arrive(&self, app: &AppId, from: IpAddr) -> Result<()> {
        let known = async { self.app_by_id(app, false).await?.ok_or(Error::Unauthenticated) };
        let app = self.attempt(Some(app), from, known).await?;
        let network = (app.key(), network(from));
        Ok(self.buckets.arrivals.take(&network, app.rates.arrivals, self.clock.now())?)
    }

    /// Makes an attempt to authenticate from an address, unless too many from there have failed.
    ///
    /// # Errors
    /// `RateLimited` where they have; otherwise as [`Core::attempt_anyway`].
    pub async fn attempt<T>(
        &self,
        app: Option<&AppId>,
        from: IpAddr,
        attempt: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (network, rates) = self.network_of(app, from);
        self.buckets.failures.look(&network, rates.failures, self.clock.now())?;
        self.attempt_anyway(app, from, attempt).await
    }

    /// Makes an attempt to authenticate from an address, however many from there have failed. One that fails costs.
    ///
    /// # Errors
    /// What the attempt answers; `RateLimited` in place of `Unauthenticated` where there is nothing left for it, so that of
    /// many attempts at the same time no more are told that they have failed than one after the other.
    pub async fn attempt_anyway<T>(
        &self,
        app: Option<&AppId>,
        from: IpAddr,
        attempt: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let made = attempt.await;
        if let Err(Error::Unauthenticated) = made {
            let (network, rates) = self.network_of(app, from);
            self.buckets.failures.take(&network, rates.failures, self.clock.now())?;
        }
        made
    }

    /// Whose bucket an address in an app takes from. All apps that this node does not know share the installation's, so that
    /// inventing apps makes none.
    fn network_of(&self, app: Option<&AppId>, from: IpAddr) -> (Network, Rates) {
        match app.and_then(|app| self.facts.apps.get(app)) {
            Some(app) => ((app.key(), network(from)), app.rates),
            None => ((AppKey::INSTALLATION, network(from)), Rates::default()),
        }
    }

    async fn rates_of(&self, actor: &Actor) -> Result<Rates> {
        match actor.app() {
            AppKey::INSTALLATION => Ok(Rates::default()),
            app => Ok(self.app_by_key(app, false).await?.rates),
        }
    }
}

/// What a message has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    /// A token of each bucket.
    Paid,
    /// Nothing: it is a repeat.
    Free,
    /// Nothing: it is not to be sent.
    Refused(Empty),
}

/// Whom an address stands for.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - IPV6_CUSTOMER_BITS);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_stands_for_its_customer_and_one_of_ipv4_for_itself() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
