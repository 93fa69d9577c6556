//! `snug audit`: export the audit, print a head of it, and verify an export against copied heads.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, Result};
use snug_core::{Core, audit, erasures};
use snug_model::{Actor, AppId, AppKey, consents::TextDigest};

use crate::{
    cli::{AuditCommand, ChosenAudit, VerifyAudit, VerifyReceipts},
    config::Config,
    parts,
};

/// Does what was asked; how much is wrong.
pub(crate) async fn run(config: &Config, command: &AuditCommand) -> Result<usize> {
    match command {
        AuditCommand::Export(chosen) => {
            let core = parts::core(config).await?;
            core.export_audit(&actor(&core, chosen).await?, &mut io::stdout()).await?;
        }
        AuditCommand::Head(chosen) => {
            let core = parts::core(config).await?;
            println!("{}", audit::head_line(core.audit_head(&actor(&core, chosen).await?).await?)?);
        }
        AuditCommand::Verify(verify) => return self::verify(verify),
        AuditCommand::Receipt(receipts) => return self::receipts(receipts),
    }
    Ok(0)
}

/// Who has the data folder may read every chain.
async fn actor(core: &Core, ChosenAudit { app }: &ChosenAudit) -> Result<Actor> {
    match app {
        Some(app) => {
            let app = AppId::parse(app)?;
            core.system_actor(&app).await.with_context(|| format!("the app {app}"))
        }
        None => Ok(Actor::System(AppKey::INSTALLATION)),
    }
}

/// Prints everything that is wrong, a line each; how many it was.
pub(crate) fn verify(VerifyAudit { head, export }: &VerifyAudit) -> Result<usize> {
    let heads = audit::read_heads(lines(head)?).with_context(|| head.display().to_string())?;
    let verified = audit::verify(&heads, lines(export)?).with_context(|| export.display().to_string())?;
    for fault in &verified.faults {
        println!("{fault}");
    }
    eprintln!("{} entries, of which heads vouch for the first {}", verified.entries, verified.vouched);
    if let Some(head) = heads.first() {
        eprintln!("the heads are signed by the key {}", TextDigest(head.key));
    }
    Ok(verified.faults.len())
}

/// Prints the receipts that are not as they were signed, a line each; how many it was.
pub(crate) fn receipts(VerifyReceipts { receipts }: &VerifyReceipts) -> Result<usize> {
    let mut altered = 0;
    for path in receipts {
        let text = std::fs::read(path).with_context(|| path.display().to_string())?;
        let receipt = erasures::read_receipt(&text).with_context(|| path.display().to_string())?;
        if erasures::is_signed(&receipt) {
            eprintln!("{}: signed by the key {}", path.display(), TextDigest(receipt.key));
        } else {
            println!("{}: the receipt does not bear the signature of its key", path.display());
            altered += 1;
        }
    }
    Ok(altered)
}

fn lines(path: &Path) -> Result<impl Iterator<Item = io::Result<String>> + use<>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(BufReader::new(file).lines())
}
