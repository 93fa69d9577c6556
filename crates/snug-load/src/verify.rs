//! Holds a server to what it acknowledged in an earlier replay.

use anyhow::{Context, Result};
use snug_client::{Backend, Endpoint};

use crate::acks::{self, Acknowledged};
use crate::cli::VerifyArgs;
use crate::findings::Findings;
use crate::replay::messages;

/// What was compared, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledgements in the file.
    pub acknowledged: u64,
    /// What is not as it was acknowledged.
    pub findings: Findings,
}

/// Reads the history of every conversation in the file, and compares it with what was acknowledged.
///
/// # Errors
/// That the file or the server cannot be read.
pub async fn verify(args: &VerifyArgs) -> Result<Verdict> {
    let endpoint = Endpoint::new(&args.server)?;
    let key = args.key.read()?;
    let mut verdict = Verdict::default();
    for Acknowledged { app, conversation, acks } in acks::read(&args.acks)? {
        let app = app.parse().with_context(|| format!("{app:?} is no app's id"))?;
        let backend = Backend::new(&endpoint, app, &key)?;
        let id = conversation.parse().with_context(|| format!("{conversation:?} is no conversation's id"))?;
        let history = messages(&backend, &id).await.with_context(|| format!("history of {conversation}"))?;
        verdict.acknowledged += acks.len() as u64;
        verdict.findings.merge(acks::compare(&conversation, &acks, &history));
    }
    Ok(verdict)
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for told in &self.findings.told {
            writeln!(f, "- {told}")?;
        }
        write!(f, "{} acknowledged, {}", self.acknowledged, self.findings)
    }
}
