//! Reads a log of conversations: one JSON object a line, plain or gzipped.
//!
//! A line has `conversation`, `n` (its number within that conversation), `at` (UTC, never going back), `kind`, `user`,
//! `text`, and perhaps `reply_to` (numbers of earlier lines of the same conversation). A `rename` carries the new name
//! in `text`; a `notice` has no user.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// What a line of a log reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person wrote something.
    Message,
    /// A person wrote what they do ("/me").
    Action,
    /// A person came.
    Join,
    /// A person went; `text` is the reason they gave.
    Leave,
    /// A person goes by another name from here on; `text` is that name.
    Rename,
    /// The system said something.
    Notice,
}

impl Kind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Kind; 6] =
        [Kind::Message, Kind::Action, Kind::Join, Kind::Leave, Kind::Rename, Kind::Notice];

    /// The word that stands for this kind in a log.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Action => "action",
            Kind::Join => "join",
            Kind::Leave => "leave",
            Kind::Rename => "rename",
            Kind::Notice => "notice",
        }
    }

    /// Whether a line of this kind becomes a message, rather than a change of membership.
    pub fn is_message(self) -> bool {
        matches!(self, Kind::Message | Kind::Action | Kind::Notice)
    }
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The log's name of the conversation.
    pub conversation: String,
    /// The line's number within its conversation, rising.
    pub n: u64,
    /// When it happened.
    #[serde(deserialize_with = "timestamp")]
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// Who did it; empty for a notice.
    pub user: String,
    /// What was written; see [`Kind`] for the other kinds.
    pub text: String,
    /// Numbers of the earlier lines that this one answers, the most important first.
    #[serde(default)]
    pub reply_to: Vec<u64>,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("cannot read {file}: {source}")]
    Io {
        /// The file's path, as given.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not what the format asks for.
    #[error("{file}, line {line}: {reason}")]
    Line {
        /// The file's path, as given.
        file: String,
        /// The line's number within the file, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// The lines of a log, read one at a time.
///
/// Beyond the form of each line it checks what a plan rests on: within a conversation `n` rises, time does not go back
/// and replies point backwards.
pub struct LogReader {
    file: String,
    input: Box<dyn BufRead + Send>,
    buffer: String,
    line: u64,
    last: HashMap<String, (u64, Timestamp)>,
}

impl LogReader {
    /// Opens `path`. Whether it is gzipped is told by its first bytes, not by its name.
    ///
    /// # Errors
    /// [`LogError::Io`] where the file cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let name = path.display().to_string();
        let io = |source| LogError::Io { file: name.clone(), source };
        let file = File::open(path).map_err(io)?;
        Self::new(name.clone(), file).map_err(io)
    }

    /// Reads from any source; `name` stands in errors.
    ///
    /// # Errors
    /// The source's own, where its first bytes cannot be read.
    pub fn new(name: String, source: impl Read + Send + 'static) -> std::io::Result<Self> {
        const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
        let mut source = BufReader::with_capacity(64 * 1024, source);
        let gzipped = source.fill_buf()?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead + Send> =
            if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(source))) } else { Box::new(source) };
        Ok(Self { file: name, input, buffer: String::new(), line: 0, last: HashMap::new() })
    }

    fn read(&mut self) -> Result<Option<Line>, LogError> {
        self.buffer.clear();
        self.line += 1;
        let bytes = self.input.read_line(&mut self.buffer).map_err(|source| match source.kind() {
            std::io::ErrorKind::InvalidData => self.wrong("is not UTF-8".to_owned()),
            _ => LogError::Io { file: self.file.clone(), source },
        })?;
        if bytes == 0 {
            return Ok(None);
        }
        let line: Line = serde_json::from_str(&self.buffer).map_err(|error| self.wrong(error.to_string()))?;
        self.check(&line).map_err(|reason| self.wrong(reason))?;
        match self.last.get_mut(&line.conversation) {
            Some(last) => *last = (line.n, line.at),
            None => drop(self.last.insert(line.conversation.clone(), (line.n, line.at))),
        }
        Ok(Some(line))
    }

    fn check(&self, line: &Line) -> Result<(), String> {
        if let Some((n, at)) = self.last.get(&line.conversation) {
            if line.n <= *n {
                return Err(format!("n is {}, after {n} in the same conversation", line.n));
            }
            if line.at < *at {
                return Err(format!("time goes back from {at} to {}", line.at));
            }
        }
        if line.conversation.is_empty() {
            return Err("the conversation has no name".to_owned());
        }
        if (line.kind == Kind::Notice) != line.user.is_empty() {
            return Err(format!("a {} with the user {:?}", line.kind.word(), line.user));
        }
        if line.kind == Kind::Rename && line.text.is_empty() {
            return Err("a rename without the new name".to_owned());
        }
        match line.reply_to.iter().find(|&&to| to >= line.n) {
            Some(to) => Err(format!("line {} replies to {to}, which is not earlier", line.n)),
            None => Ok(()),
        }
    }

    fn wrong(&self, reason: String) -> LogError {
        LogError::Line { file: self.file.clone(), line: self.line, reason }
    }
}

impl Iterator for LogReader {
    type Item = Result<Line, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}
