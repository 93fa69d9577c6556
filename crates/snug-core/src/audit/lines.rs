//! The audit as lines of JSON, for who has the data folder: what the REST API answers, without it.

use std::io::{self, Write};

use snug_model::{
    Action, Actor, Invalid,
    audit::{Act, AuditAsk, Head},
    limits,
};
use snug_wire::{
    audit::{AuditEntry, AuditHead},
    exports::ExportEnd,
    json,
};

use crate::{Core, Error, Lines, PageAsk, Result};

impl Core {
    /// Writes all entries, a line each, and a last line with their number.
    pub async fn export_audit(&self, actor: &Actor, out: &mut (dyn Write + Send)) -> Result<()> {
        self.enter_begun(actor, Action::ReadAudit, Act::ExportAudit).await?;
        let (mut lines, mut cursor) = (Lines::default(), None);
        loop {
            let (limit, query) = (limits::PAGE_ITEMS_MAX as i64, "audit export");
            let page = PageAsk { cursor: cursor.as_deref(), descending: false, limit, query };
            let listed = self.list_audit(actor, &AuditAsk::default(), &page).await?;
            for entry in listed.items {
                let mut line = json::print(&AuditEntry::from(entry)).map_err(Error::internal)?;
                line.push(b'\n');
                lines.add(&line);
                out.write_all(&line).map_err(Error::internal)?;
            }
            match listed.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let (count, sha256) = lines.end();
        let end = ExportEnd { count, sha256: sha256.into(), receipt: None };
        out.write_all(&json::print(&end).map_err(Error::internal)?).map_err(Error::internal)?;
        out.write_all(b"\n").map_err(Error::internal)
    }
}

/// A head as a line.
///
/// # Errors
/// None that a head could cause.
pub fn head_line(head: Head) -> Result<String> {
    let line = json::print(&AuditHead::from(head)).map_err(Error::internal)?;
    String::from_utf8(line).map_err(Error::internal)
}

/// Heads, a line each.
///
/// # Errors
/// What keeps the lines from being read; `InvalidData` for one that is no head.
pub fn read_heads(lines: impl IntoIterator<Item = io::Result<String>>) -> io::Result<Vec<Head>> {
    let wrong = |invalid: Invalid| io::Error::new(io::ErrorKind::InvalidData, invalid.to_string());
    let head = |line: io::Result<String>| {
        let head: AuditHead = json::parse(line?.as_bytes()).map_err(wrong)?;
        Head::try_from(head).map_err(wrong)
    };
    lines.into_iter().map(head).collect()
}
