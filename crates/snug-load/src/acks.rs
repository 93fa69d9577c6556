//! The file of acknowledgements: what the server promised to keep, so that it can be held to it at any later time.
//!
//! A line is one acknowledged message as JSON: app, conversation, seq and rev, and what was sent. A line is one `write`
//! at the end of the file, made before the replay goes on; so it outlives this process, which is all that is asked while
//! it is the server that gets killed. It is synced to disk once, at the end: the file is not meant to survive the power of
//! the machine that it stands on, for then the replay is over anyway.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::checker::difference;
use crate::findings::{Fault, Findings};
use crate::history::Held;
use crate::plan::Draft;

/// One acknowledged message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// The app that it is in.
    pub app: String,
    /// Its conversation.
    pub conversation: String,
    /// The seq that the server gave it.
    pub seq: u64,
    /// The rev that the server gave it.
    pub rev: u64,
    /// What was sent.
    #[serde(flatten)]
    pub draft: Draft,
}

/// A file to which acknowledgements are added. Any number of tasks may write to it at once.
#[derive(Debug)]
pub struct AckFile {
    file: File,
}

impl AckFile {
    /// Opens `path` to add to it, and makes it if there is none.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn append(path: &Path) -> Result<Self> {
        let file = File::options().append(true).create(true).open(path);
        Ok(Self { file: file.with_context(|| format!("cannot open {} for writing", path.display()))? })
    }

    /// Adds one acknowledgement. Appending in one call keeps lines of several tasks apart.
    ///
    /// # Errors
    /// Those of the file system, such as a full disk.
    pub fn write(&self, ack: &Ack) -> Result<()> {
        let mut line = serde_json::to_vec(ack).context("cannot encode an acknowledgement")?;
        line.push(b'\n');
        (&self.file).write_all(&line).context("cannot write an acknowledgement")
    }

    /// Syncs the file to disk.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn finish(&self) -> Result<()> {
        self.file.sync_all().context("cannot sync the acknowledgements")
    }
}

/// The acknowledgements of one conversation, in the order in which they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledged {
    /// The app that it is in.
    pub app: String,
    /// The conversation.
    pub conversation: String,
    /// One at least.
    pub acks: Vec<Ack>,
}

/// Reads every acknowledgement of a file, by conversation, in order of first appearance. A last line
/// without its end was being written when the replay was killed, and is left out.
///
/// # Errors
/// Those of the file system; a line that is no acknowledgement, with its number.
pub fn read(path: &Path) -> Result<Vec<Acknowledged>> {
    let name = path.display();
    let mut input = BufReader::new(File::open(path).with_context(|| format!("cannot read {name}"))?);
    let mut places = HashMap::new();
    let mut conversations: Vec<Acknowledged> = Vec::new();
    let mut buffer = String::new();
    for line in 1_u64.. {
        buffer.clear();
        input.read_line(&mut buffer).with_context(|| format!("{name}, line {line}"))?;
        if !buffer.ends_with('\n') {
            break;
        }
        let ack: Ack = serde_json::from_str(&buffer).with_context(|| format!("{name}, line {line}"))?;
        let (app, conversation) = (ack.app.clone(), ack.conversation.clone());
        let place = *places.entry((app.clone(), conversation.clone())).or_insert_with(|| {
            conversations.push(Acknowledged { app, conversation, acks: Vec::new() });
            conversations.len() - 1
        });
        conversations[place].acks.push(ack);
    }
    Ok(conversations)
}

/// Compares the acknowledgements of one conversation with its whole history as the server tells it, oldest first.
pub fn compare(conversation: &str, acks: &[Ack], history: &[Held]) -> Findings {
    let mut findings = Findings::default();
    let mut found: HashMap<Uuid, &Held> = HashMap::new();
    let mut last = (0, 0);
    for message in history {
        let (seq, rev) = last;
        let told = |what: &str| format!("{conversation}: message {} {what}", message.id);
        if found.insert(message.id, message).is_some() {
            findings.add(Fault::Duplicated, || told("is there twice"));
        } else if message.seq <= seq || message.rev <= rev {
            findings.add(Fault::Reordered, || told("stands after a later one"));
        }
        for missing in seq + 1..message.seq {
            findings.add(Fault::Gap, || format!("{conversation}: nothing has seq {missing}"));
        }
        last = (seq.max(message.seq), rev.max(message.rev));
    }
    for ack in acks {
        let told = |what: &str| format!("{conversation}: acknowledged message {} {what}", ack.draft.id);
        let Some(message) = found.get(&ack.draft.id) else {
            findings.add(Fault::Lost, || told("is not there"));
            continue;
        };
        if (message.seq, message.rev) != (ack.seq, ack.rev) {
            findings.add(Fault::Reordered, || told("has another seq or rev"));
        }
        if let Some(field) = difference(&ack.draft, message) {
            findings.add(Fault::Difference, || told(&format!("has another {field}")));
        }
    }
    findings
}
