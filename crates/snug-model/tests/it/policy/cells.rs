//! Decisions as text, in columns that a person can read.

use std::fmt::Write as _;

use snug_model::{Denied, Permit, Seq, Timestamp, policy::View};

use super::scene::NOW;

/// A decision as the table shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// Allowed, how much of the conversation it shows, and what else is to be held; each empty where that is nothing.
    Allowed(String, String),
    /// Denied, and why.
    Denied(String),
}

impl Cell {
    pub(super) fn new(decision: &Result<Permit, Denied>) -> Self {
        match decision {
            Ok(permit) => {
                let seen = permit.conversation().map(|_| view(permit.view()));
                Self::Allowed(seen.unwrap_or_default(), conditions(permit))
            }
            Err(denied) => Self::Denied(reason(denied)),
        }
    }

    /// How much of the conversation it shows, if it shows any of it.
    fn shows(&self) -> Option<&str> {
        match self {
            Self::Allowed(view, _) => Some(view.as_str()).filter(|view| !view.is_empty()),
            Self::Denied(_) => None,
        }
    }

    /// Whether another decision is made, or another reason given; what is shown stands elsewhere.
    fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Allowed(_, held), Self::Allowed(_, other)) => held != other,
            _ => self != other,
        }
    }
}

fn view(view: View) -> String {
    if view == View::NOTHING {
        return String::new();
    }
    let mut text = match view.from_seq {
        Seq(1) => "every message".to_owned(),
        seq => format!("messages from seq {seq}"),
    };
    if let Some(rev) = view.until {
        let _ = write!(text, " as at rev {rev}");
    }
    if view.read_marks {
        text.push_str(", others' read marks");
    }
    if view.versions {
        text.push_str(", versions");
    }
    text
}

/// What the store holds who is allowed to.
fn conditions(permit: &Permit) -> String {
    let paced = permit.pace_ms().map(|ms| format!("once in {ms} ms"));
    let blocked = permit.heeds_blocks().then(|| "not alone with who is blocked".to_owned());
    let hidden = permit.hides().then(|| "hidden from the others".to_owned());
    paced.into_iter().chain(blocked).chain(hidden).collect::<Vec<_>>().join(", ")
}

fn reason(denied: &Denied) -> String {
    match denied {
        Denied::Unauthenticated => "unauthenticated".to_owned(),
        Denied::NotFound => "not found".to_owned(),
        Denied::Forbidden(permission) => format!("lacks {permission}"),
        Denied::OutOfScope(scope) => format!("lacks scope {}", scope.name()),
        Denied::WrongActor => "wrong actor".to_owned(),
        Denied::Banned { until, everywhere } => {
            let place = if *everywhere { "app" } else { "conversation" };
            let end = match *until {
                Timestamp::NEVER => "for good".to_owned(),
                until => format!("for {} ms", until.0 - NOW.0),
            };
            format!("banned from the {place} {end}")
        }
        Denied::ConsentRequired(consent) => format!("has to accept {}", consent.id.as_str()),
        Denied::Muted { permission, until } => match *until {
            Timestamp::NEVER => format!("muted, {permission} is lost for good"),
            until => format!("muted, {permission} is lost for {} ms", until.0 - NOW.0),
        },
    }
}

/// Acts as rows, actors as columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    /// What the columns are called.
    pub(super) columns: Vec<String>,
    /// Each act's name and decisions.
    pub(super) rows: Vec<(&'static str, Vec<Cell>)>,
}

impl Grid {
    /// The grid of `decide`, called for each act and column.
    pub(super) fn new<A>(
        acts: &[(&'static str, A)],
        columns: &[String],
        decide: impl Fn(&A, usize) -> Result<Permit, Denied>,
    ) -> Self {
        let row = |act: &A| (0..columns.len()).map(|column| Cell::new(&decide(act, column))).collect();
        Self { columns: columns.to_vec(), rows: acts.iter().map(|(name, act)| (*name, row(act))).collect() }
    }

    /// The grid as text: all of it, or what differs from `ordinary`. Where most acts are refused alike, that is said once.
    pub(super) fn print(&self, ordinary: Option<&Self>) -> String {
        let (refusal, refused) = self.most_common_refusal();
        let refusal = refusal.filter(|_| ordinary.is_some() && refused * 2 > self.rows.len());
        let shown = |index: &usize| match (&refusal, ordinary) {
            (Some(_), _) => self.refused_alike(*index) != refusal.as_deref(),
            (None, Some(grid)) => {
                grid.rows[*index].1.iter().zip(&self.rows[*index].1).any(|(a, b)| a.differs(b))
            }
            (None, None) => true,
        };
        let rows: Vec<_> = (0..self.rows.len()).filter(shown).collect();
        let mut text = String::new();
        if !rows.is_empty() {
            text.push_str(&self.head());
            text.extend(rows.iter().map(|index| self.line(self.rows[*index].0, &self.rows[*index].1)));
        }
        if rows.len() < self.rows.len() {
            let rest = if rows.is_empty() { "every act" } else { "the rest" };
            text.push_str(&format!("  {rest}: {}\n", refusal.as_deref().unwrap_or("as ordinary")));
        }
        if ordinary.is_none_or(|ordinary| ordinary.views() != self.views()) {
            text.push_str(&self.views());
        }
        text
    }

    /// Why an act is refused, where it is for the same reason in every column.
    fn refused_alike(&self, row: usize) -> Option<&str> {
        let cells = &self.rows[row].1;
        match cells.first()? {
            Cell::Denied(reason) if cells.iter().all(|cell| *cell == cells[0]) => Some(reason),
            _ => None,
        }
    }

    /// The refusal that most acts have in every column, and how many those are.
    fn most_common_refusal(&self) -> (Option<String>, usize) {
        let refusals: Vec<_> = (0..self.rows.len()).filter_map(|row| self.refused_alike(row)).collect();
        let count = |reason: &str| refusals.iter().filter(|other| **other == reason).count();
        let most = refusals.iter().copied().max_by_key(|reason| count(reason));
        (most.map(str::to_owned), most.map_or(0, count))
    }

    fn width(&self, column: usize) -> usize {
        self.columns[column].split(' ').map(str::len).max().unwrap_or_default().max(3) + 2
    }

    /// The columns' names, a line for each of their words.
    fn head(&self) -> String {
        let lines = self.columns.iter().map(|name| name.split(' ').count()).max().unwrap_or_default();
        let line = |index: usize| {
            let word = |column: usize| self.columns[column].split(' ').nth(index).unwrap_or_default();
            let words = (0..self.columns.len())
                .map(|column| format!("{:<width$}", word(column), width = self.width(column)));
            format!("{:NAME_WIDTH$}{}", "", words.collect::<String>()).trim_end().to_owned() + "\n"
        };
        (0..lines).map(line).collect()
    }

    fn line(&self, name: &str, cells: &[Cell]) -> String {
        let mut text = format!("  {name:<width$}", width = NAME_WIDTH - 2);
        for (column, cell) in cells.iter().enumerate() {
            let mark = if matches!(cell, Cell::Allowed(..)) { "yes" } else { "-" };
            let _ = write!(text, "{mark:<width$}", width = self.width(column));
        }
        text.push_str(&self.by_column(cells, |cell| match cell {
            Cell::Denied(reason) => Some(reason.clone()),
            Cell::Allowed(_, held) => Some(held.clone()).filter(|held| !held.is_empty()),
        }));
        text.trim_end().to_owned() + "\n"
    }

    /// Texts of cells, each with its columns where they are not all the same.
    fn by_column(&self, cells: &[Cell], text: impl Fn(&Cell) -> Option<String>) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
        for (column, text) in cells.iter().enumerate().filter_map(|(at, cell)| Some((at, text(cell)?))) {
            let name = self.columns[column].as_str();
            match groups.iter_mut().find(|(other, _)| *other == text) {
                Some((_, names)) => names.push(name),
                None => groups.push((text, vec![name])),
            }
        }
        match groups.as_slice() {
            [(text, _)] => text.clone(),
            groups => {
                let said: Vec<_> =
                    groups.iter().map(|(text, names)| format!("{text} ({})", names.join(", "))).collect();
                said.join("; ")
            }
        }
    }

    /// What the allowed acts show, by column: within one, all that show anything show the same.
    fn views(&self) -> String {
        let view = |column: usize| {
            let mut shown = self.rows.iter().filter_map(|(_, cells)| cells[column].shows());
            let first = shown.next();
            assert!(shown.all(|view| Some(view) == first), "acts of one column show different things");
            first
        };
        let cells: Vec<_> = (0..self.columns.len())
            .map(|column| Cell::Allowed(view(column).unwrap_or_default().to_owned(), String::new()))
            .collect();
        let views = self.by_column(&cells, |cell| cell.shows().map(str::to_owned));
        if views.is_empty() { views } else { format!("  shows {views}\n") }
    }
}

/// The width of the column of acts.
const NAME_WIDTH: usize = 38;
