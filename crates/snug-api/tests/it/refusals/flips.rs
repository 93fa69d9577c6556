//! The controls of the matrix: 200 verdicts, chosen by a seed that is printed, are turned into their opposites in the server, one
//! at a time, and its cell notices each.

use snug_core::controls::Flip;
use snug_model::{Actor, AppId};

use super::{
    cast::{self, Cast, Troupe},
    cells::Matrix,
    rules::{self, Kind, Rule, Rules, Verdict},
};
use crate::harness::Backend;

on_both! {
    two_hundred_wrong_verdicts_are_noticed
}

const FLIPS: usize = 200;

/// Whether the server decides a cell, so that it can be decided wrongly.
fn is_decided(rule: &Rule, kind: Kind, actor: &cast::Actor) -> bool {
    let refused = rule.verdict(kind) != Verdict::Done;
    let is_key = actor.token().starts_with("sk_");
    match (rule.name().as_str(), rule.verdict(kind)) {
        // A second `hello` and a `ping` ask for nothing, and proofs that prove nobody have nobody whom they could let in.
        ("socket ping" | "socket hello again", _) => false,
        ("enter", _) if refused => false,
        // These carry no credential that is read as one, and no token is read where there is no app.
        _ if refused && matches!(kind, "no-credential" | "key-in-browser" | "key-from-page") => false,
        ("createApp" | "listApps", _) if !is_key => false,
        // What is not there is nobody's: a membership, a message or blocks of one's own.
        ("socket read" | "socket conversation" | "getInboxItem own", Verdict::Refused("not_found")) => false,
        (_, Verdict::Refused("not_found")) if rule.on.starts_with("own") => {
            let of_a_member = matches!(rule.id, "editMember" | "muteMember" | "unmuteMember");
            !rule.socket && !of_a_member && rules::person(kind) != "visitor-silent"
        }
        _ => true,
    }
}

/// Numbers from a seed: SplitMix64 (Steele, Lea and Flood, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[(self.next() % all.len() as u64) as usize]
    }

    /// A cell: a rule, one of the verdicts that it has, and one of those who get that.
    fn cell<'a>(&mut self, rules: &[&'a Rule], cast: &Cast) -> (&'a Rule, Kind) {
        loop {
            let rule = self.one_of(rules);
            let decided: Vec<Kind> =
                cast.kinds().filter(|kind| is_decided(rule, kind, &cast.actor(kind, rule.scope))).collect();
            let mut verdicts = Vec::new();
            for verdict in decided.iter().map(|kind| rule.verdict(kind)) {
                if !verdicts.contains(&verdict) {
                    verdicts.push(verdict);
                }
            }
            if verdicts.is_empty() {
                continue;
            }
            let verdict = self.one_of(&verdicts);
            let those: Vec<Kind> = decided.into_iter().filter(|kind| rule.verdict(kind) == verdict).collect();
            return (rule, self.one_of(&those));
        }
    }
}

/// Who may what somebody else may not: the owner if it does, a back end, or whoever.
fn twin(rule: &Rule, kind: Kind) -> Kind {
    // Another's token is taken for one's own, of who has a socket on which to show it.
    if rule.name() == "socket token another" && is_somebody(kind) {
        return kind;
    }
    let may: Vec<Kind> = rule.may().collect();
    // What is one's own is nobody else's, but back ends'.
    let first = if rule.on.starts_with("own") { ["key", "owner"] } else { ["owner", "key"] };
    let preferred = first.into_iter().find(|kind| may.contains(kind));
    preferred.or(may.first().copied()).unwrap_or("owner")
}

/// Whether a kind's `hello` is taken.
fn is_somebody(kind: Kind) -> bool {
    let hello = super::rules().rules.into_iter().find(|rule| rule.name() == "socket hello");
    hello.is_some_and(|hello| hello.verdict(kind) == Verdict::Done)
}

/// The actor of a kind, authenticated; none where an earlier wrong verdict has ended it.
async fn authenticated(troupe: &Troupe, rule: &Rule, kind: Kind) -> Option<Actor> {
    let node = &troupe.node;
    let app = AppId::parse(&node.app).unwrap();
    let twin = troupe.cast.actor(kind, rule.scope);
    match twin.token().strip_prefix("sk_") {
        None => node.core.authenticate_client(&app, twin.token()).await.ok(),
        Some(key) => {
            let (id, secret) = key.split_once('_').unwrap();
            let app = Some(&app).filter(|_| kind != "installation-key");
            node.core.authenticate_key(app, id, secret, node.address.ip()).await.ok()
        }
    }
}

/// The opposite of a verdict. Where the policy denied, it permits; where somebody was not believed, or what it wants was not to be
/// seen, it is taken for somebody who may.
async fn opposite(troupe: &Troupe, rule: &Rule, kind: Kind, denied: bool) -> Option<Flip> {
    // A key that signs nothing has no secret by which it could, whatever is permitted.
    let permits = (denied && rule.id != "mintToken") || rule.socket;
    match rule.verdict(kind) {
        Verdict::Done => Some(Flip::Denies),
        Verdict::Refused("not_found") if rule.socket => Some(Flip::Permits),
        Verdict::Refused("forbidden" | "banned" | "consent_required") if permits => Some(Flip::Permits),
        Verdict::Refused(_) => authenticated(troupe, rule, twin(rule, kind)).await.map(Flip::TakesFor),
    }
}

async fn two_hundred_wrong_verdicts_are_noticed(backend: Backend) {
    let seed = std::env::var("SNUG_SEED").map_or_else(
        |_| uuid::Uuid::new_v4().as_u64_pair().0,
        |seed| seed.parse().expect("SNUG_SEED is a number"),
    );
    println!("SNUG_SEED={seed}");
    let Rules { rules, .. } = super::rules();
    let all: Vec<&Rule> = rules.iter().collect();
    let mut numbers = Numbers(seed);
    let (mut scenes, mut caught, mut missed) = (0, [0; 3], Vec::new());
    let mut next = None;
    while caught.iter().sum::<usize>() + missed.len() < FLIPS {
        let troupe = Troupe::assemble(backend, &rules).await;
        let mut matrix = Matrix::of(&troupe, &rules).await;
        let mut untouched = true;
        scenes += 1;
        while caught.iter().sum::<usize>() + missed.len() < FLIPS {
            let (rule, kind) = *next.insert(next.unwrap_or_else(|| numbers.cell(&all, &troupe.cast)));
            troupe.node.core.has_denied();
            let mut right = matrix.cell(rule, kind).await;
            let flip = opposite(&troupe, rule, kind, troupe.node.core.has_denied()).await;
            if let (Ok(()), Some(Flip::TakesFor(_) | Flip::Permits)) = (&right, &flip) {
                right = matrix.cell(rule, twin(rule, kind)).await;
            }
            // What earlier wrong verdicts left may be in the way of a right one: then the scene is set anew.
            let (Ok(()), Some(flip)) = (&right, flip) else {
                assert!(!untouched, "{} by {kind}: {right:?}", rule.name());
                break;
            };
            next = None;
            let first = std::mem::replace(&mut untouched, false);
            let of = match flip {
                Flip::TakesFor(_) => 0,
                Flip::Permits => 1,
                Flip::Denies => 2,
            };
            matrix.flip = Some(flip);
            match matrix.cell(rule, kind).await {
                Err(_) => caught[of] += 1,
                // What earlier wrong verdicts left may be why: it is tried again as the first of a scene.
                Ok(()) if !first => {
                    next = Some((rule, kind));
                    break;
                }
                Ok(()) => missed.push(format!("{} by {kind}, flip {of}", rule.name())),
            }
            matrix.flip = None;
        }
    }
    let [taken, permitted, denied] = caught;
    println!(
        "{} of {FLIPS} wrong verdicts were noticed, in {scenes} scenes: {taken} credentials taken for another's, {permitted} \
         acts permitted, {denied} denied",
        taken + permitted + denied
    );
    assert!(missed.is_empty(), "seed {seed}: not noticed:\n{}", missed.join("\n"));
}
