//! A transcript as a table (CSV, RFC 4180), for people who open it in a spreadsheet.

use snug_core::{AsOf, Error};
use snug_wire::{
    json,
    messages::{Message, Sender, Via},
    people::People,
};

use super::{Format, Source};
use crate::call::Failure;

/// What the columns are called.
const HEADINGS: [&str; 14] = [
    "seq",
    "id",
    "created_at",
    "from",
    "sender",
    "name",
    "via",
    "text",
    "attributes",
    "reply_to",
    "mentions",
    "reactions",
    "edited_at",
    "deleted_at",
];
/// A cell that begins with one of these would be run as a formula by a spreadsheet, or make one of its neighbours begin with it
/// (OWASP, CSV Injection). The wide ones are taken for the narrow by some.
const RUN: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A row for each message.
pub(super) struct CsvTable;

impl CsvTable {
    pub(super) const MEDIA_TYPE: &str = "text/csv; charset=utf-8";
    pub(super) const FILE: &str = "attachment; filename=\"transcript.csv\"";
}

impl Format for CsvTable {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        write(HEADINGS.map(str::to_owned), out)
    }

    fn message(&mut self, message: Message, people: &People, out: &mut Vec<u8>) -> Result<(), Failure> {
        let id = |id: &Option<_>| {
            id.as_ref().map(|id: &snug_wire::ids::MessageId| id.0.to_string()).unwrap_or_default()
        };
        let (from, sender, name) = match &message.sender {
            Sender::User { user } => {
                let user = user.as_ref();
                let name = user.and_then(|user| people.0.get(user)).and_then(|person| person.name.as_ref());
                ("user", user.map_or("", |user| user.as_str()), name.map_or("", |name| name.as_str()))
            }
            Sender::Bot { bot, .. } => ("bot", "", bot.as_ref().map_or("", |bot| bot.as_str())),
            Sender::System { .. } => ("system", "", ""),
        };
        let via = match message.via {
            None => "",
            Some(Via::Api) => "api",
            Some(Via::Import) => "import",
        };
        let json =
            |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default()).map_err(Error::internal);
        let attributes = message.attributes.as_ref().map(json::print).transpose().map_err(Error::internal)?;
        let reactions = message.reactions.as_ref().map(|reactions| {
            reactions.0.iter().map(|(emoji, reaction)| format!("{} {}", emoji.as_str(), reaction.count))
        });
        let mentions = message.mentions.iter().map(|user| user.as_str());
        let time =
            |time: &Option<snug_wire::time::Time>| time.as_ref().map(ToString::to_string).unwrap_or_default();
        let text = message.text.as_ref().and_then(Option::as_ref);
        let cells = [
            message.seq.0.to_string(),
            message.id.0.to_string(),
            message.created_at.to_string(),
            from.to_owned(),
            sender.to_owned(),
            name.to_owned(),
            via.to_owned(),
            text.map_or("", |text| text.as_str()).to_owned(),
            json(attributes)?,
            id(&message.reply_to),
            mentions.collect::<Vec<_>>().join(" "),
            reactions.map(|reactions| reactions.collect::<Vec<_>>().join(", ")).unwrap_or_default(),
            time(&message.edited_at),
            time(&message.deleted_at),
        ];
        write(cells, out)
    }

    async fn end(&mut self, _: &Source, _: AsOf) -> Result<Vec<u8>, Failure> {
        Ok(Vec::new())
    }
}

/// Writes a row of quoted cells, none of which a spreadsheet runs.
fn write(cells: [String; HEADINGS.len()], out: &mut Vec<u8>) -> Result<(), Failure> {
    let quoted = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(out)
        .write_record(cells.map(harmless));
    quoted.map_err(|error| Error::internal(error).into())
}

/// What a spreadsheet shows as it is: an apostrophe says that it is text.
fn harmless(cell: String) -> String {
    if cell.starts_with(RUN) { format!("'{cell}") } else { cell }
}
