//! Verifying an export of the audit against heads that were copied elsewhere. It needs neither a store nor a secret.

use std::{collections::BTreeMap, fmt, io};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use snug_model::{AppId, Timestamp, audit::Head};
use snug_store::{
    AuditEnd,
    chain::{Fault, Follower, Hash, Link},
};
use snug_wire::{audit::AuditEntry, exports::ExportLine, sanctions::SanctionedBy, time::Time};

/// What the signature of a head covers: four lines, without the last one's newline.
pub(super) fn signed(app: Option<&AppId>, n: i64, hash: &Hash, at: Timestamp) -> String {
    let app = app.map_or("installation", AppId::as_str);
    format!("snug.audit.head.1 {app}\n{n}\n{}\n{}", hex::encode(hash), Time(at))
}

/// What verifying has found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Entries that were looked at.
    pub entries: i64,
    /// Up to which place a head vouches for them.
    pub vouched: i64,
    /// What is wrong, in the order in which it was found.
    pub faults: Vec<AuditFault>,
}

/// Something that is wrong with an export, or with a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditFault {
    /// The chain was altered.
    Chain(Fault),
    /// A line is none of an export.
    Line(u64),
    /// The signature of the head at this place is not its own.
    Signature(i64),
    /// The heads are of different chains, or signed by different keys.
    Heads,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(fault) => fault.fmt(f),
            Self::Line(line) => write!(f, "line {line} is no entry of the audit"),
            Self::Signature(n) => write!(f, "the head at entry {n} does not bear the signature of its key"),
            Self::Heads => write!(f, "the heads are of different chains, or signed by different keys"),
        }
    }
}

/// Follows the entries of an export, and compares the chain with these heads. Each alteration is named by the place of its entry.
///
/// # Errors
/// What keeps the lines from being read.
pub fn verify(heads: &[Head], lines: impl IntoIterator<Item = io::Result<String>>) -> io::Result<Verified> {
    let mut verified = Verified { faults: of_heads(heads), ..Verified::default() };
    let heads = by_place(heads);
    let mut follower = Follower::default();
    for (line, number) in lines.into_iter().zip(1..) {
        let entry = match serde_json::from_str(&line?) {
            Ok(ExportLine::Item(entry)) => entry,
            Ok(ExportLine::End(_)) => break,
            Err(_) => {
                verified.faults.push(AuditFault::Line(number));
                continue;
            }
        };
        verified.take(&mut follower, &entry, &heads);
    }
    let (end, _) = follower.at();
    if let Some((n, hashes)) = heads.last_key_value().filter(|(n, _)| **n > end) {
        let fault = follower.end(AuditEnd { n: *n, hash: hashes[0] });
        verified.faults.extend(fault.map(AuditFault::Chain));
    }
    Ok(verified)
}

/// What heads say that the hash at a place is. Where they differ it was another chain at one time or the other.
fn by_place(heads: &[Head]) -> BTreeMap<i64, Vec<Hash>> {
    let mut hashes: BTreeMap<i64, Vec<Hash>> = BTreeMap::new();
    heads.iter().for_each(|head| hashes.entry(head.n).or_default().push(head.hash));
    hashes
}

impl Verified {
    fn take(&mut self, follower: &mut Follower, entry: &AuditEntry, heads: &BTreeMap<i64, Vec<Hash>>) {
        self.entries += 1;
        let (kind, key) = match &entry.by {
            SanctionedBy::Key { key } => ("key", Some(key.0.as_str())),
            SanctionedBy::User { .. } => ("user", None),
            SanctionedBy::System { .. } => ("system", None),
        };
        let link = Link {
            n: entry.n.cast_signed(),
            at: entry.at.into(),
            actor: kind,
            key,
            act: &entry.act,
            target: &entry.target.kind,
            target_id: entry.target.id.as_deref(),
            outcome: &entry.outcome,
            count: entry.count.cast_signed(),
            hidden: entry.hidden.0.0,
        };
        if let Some(fault) = follower.take(&link, entry.hash.0.0) {
            self.faults.push(AuditFault::Chain(fault));
        }
        match heads.get(&link.n) {
            Some(hashes) if hashes.iter().all(|hash| follower.at() == (link.n, *hash)) => {
                self.vouched = link.n
            }
            // What comes behind is another chain: one head says so, and those behind it say nothing more.
            Some(_) if !self.is_rewritten() => {
                self.faults.push(AuditFault::Chain(Fault::Rewritten(self.vouched + 1..=link.n)));
            }
            _ => {}
        }
    }

    fn is_rewritten(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, AuditFault::Chain(Fault::Rewritten(_))))
    }
}

/// What is wrong with heads: each is to bear its key's signature, and all are to be of one chain and one key.
fn of_heads(heads: &[Head]) -> Vec<AuditFault> {
    let mut faults = Vec::new();
    for head in heads {
        let text = signed(head.app.as_ref(), head.n, &head.hash, head.at);
        let key = UnparsedPublicKey::new(&ED25519, head.key);
        if key.verify(text.as_bytes(), &head.signature).is_err() {
            faults.push(AuditFault::Signature(head.n));
        }
    }
    let differ = |pair: &[Head]| (&pair[0].app, pair[0].key) != (&pair[1].app, pair[1].key);
    if heads.windows(2).any(differ) {
        faults.push(AuditFault::Heads);
    }
    faults
}
