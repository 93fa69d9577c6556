//! The rules of the matrix, read from `rules.txt`: for each of them and each kind of actor one verdict, and no more than one.

use std::collections::{BTreeMap, BTreeSet};

/// A kind of actor, by its name in the rules.
pub(super) type Kind = &'static str;

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done.
    Done,
    /// It is refused with this code.
    Refused(&'static str),
}

/// A route or an operation, on something.
#[derive(Debug)]
pub(super) struct Rule {
    /// Whether it is a request of the socket.
    pub(super) socket: bool,
    /// The id of the route, or the operation's name.
    pub(super) id: &'static str,
    /// On what: `own`, `another`, or which form of the request; empty where there is one alone.
    pub(super) on: &'static str,
    /// Whether it changes a row.
    pub(super) writes: bool,
    /// The scopes that a key needs, joined by `+`; `-` where none is asked.
    pub(super) scope: &'static str,
    verdicts: BTreeMap<Kind, Verdict>,
}

/// All of them.
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    /// The kinds of actors, each once.
    pub(super) kinds: BTreeSet<Kind>,
    /// The names of those of which is said for which consent they wait.
    pub(super) waiting: BTreeSet<&'static str>,
}

/// For which consent a rule waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Never,
    /// For one that is demanded before reading.
    ToRead,
    /// For any.
    ToSend,
}

const CODES: [&str; 6] =
    ["unauthenticated", "forbidden", "banned", "consent_required", "not_found", "invalid"];
/// The group of all kinds, and that of the keys that are good in the app.
const EVERYBODY: &str = "everybody";
const KEYS: &str = "keys";
/// The group of the people whom the app lets in.
const PEOPLE: &str = "people";
/// The groups of those who have not given the consent that the app demands, and of those who have.
const UNSENT: &str = "unsent";
const UNREAD: &str = "unread";
const AGREED: &str = "agreed";
/// The one key that has no scope that is asked for, and the one that has it for reading alone.
const LACKING: Kind = "key-lacking";
const READER: Kind = "key-reader";

/// Who a kind is but for the consent.
pub(super) fn person(kind: Kind) -> Kind {
    let consenting = |(_, suffix): &(Kind, &str)| [UNSENT, UNREAD, AGREED].contains(suffix);
    kind.rsplit_once('-').filter(consenting).map_or(kind, |(person, _)| person)
}

impl Rule {
    /// All kinds.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.verdicts.keys().copied()
    }

    pub(super) fn verdict(&self, kind: Kind) -> Verdict {
        self.verdicts[kind]
    }

    /// Who is refused, with which code.
    pub(super) fn refused(&self) -> impl Iterator<Item = (Kind, &'static str)> {
        self.verdicts.iter().filter_map(|(kind, verdict)| match verdict {
            Verdict::Refused(code) => Some((*kind, *code)),
            Verdict::Done => None,
        })
    }

    /// Who may.
    pub(super) fn may(&self) -> impl Iterator<Item = Kind> {
        self.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Done).map(|(kind, _)| *kind)
    }

    /// How it is called where it fails.
    pub(super) fn name(&self) -> String {
        format!("{}{} {}", if self.socket { "socket " } else { "" }, self.id, self.on).trim_end().to_owned()
    }
}

impl Rules {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with a line: also that a kind has two verdicts, or none.
    pub(super) fn read(text: &'static str) -> Result<Self, String> {
        let mut reader = Reader {
            groups: BTreeMap::new(),
            waits: BTreeMap::new(),
            socket: false,
            consents: true,
            section: BTreeMap::new(),
        };
        let mut rules = Vec::new();
        let mut last = "";
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(head) = line.strip_prefix("section ") {
                reader.begin(head)?;
            } else if let Some(waits) = line.strip_prefix("waits ") {
                reader.waits(waits)?;
            } else if let Some((name, kinds)) = line.split_once(" = ") {
                last = name.trim();
                reader.groups.insert(last, reader.kinds(kinds)?);
            } else if line.starts_with(' ') {
                let more = reader.kinds(line)?;
                reader.groups.entry(last).or_default().extend(more);
            } else {
                rules.push(reader.rule(line)?);
            }
        }
        let waiting = reader.waits.keys().copied().collect();
        Ok(Self { rules, kinds: reader.group(EVERYBODY)?.clone(), waiting })
    }
}

/// What was read so far.
struct Reader {
    groups: BTreeMap<&'static str, BTreeSet<Kind>>,
    /// For which consent rules wait, by their names, where what they do to rows does not say it.
    waits: BTreeMap<&'static str, Waits>,
    socket: bool,
    /// Whether rules of the section wait for a consent.
    consents: bool,
    section: BTreeMap<Kind, Verdict>,
}

impl Reader {
    fn group(&self, name: &str) -> Result<&BTreeSet<Kind>, String> {
        self.groups.get(name).ok_or_else(|| format!("no group is called {name}"))
    }

    /// The kinds of a list of groups and kinds, without those behind `-`.
    fn kinds(&self, list: &'static str) -> Result<BTreeSet<Kind>, String> {
        let (with, without) = list.split_once(" - ").unwrap_or((list, ""));
        let all = |list: &'static str| -> BTreeSet<Kind> {
            let kinds = list.split_whitespace().map(|name| match self.groups.get(name) {
                Some(group) => group.clone(),
                None => BTreeSet::from([name]),
            });
            kinds.flatten().collect()
        };
        let (with, without) = (all(with), all(without));
        match without.difference(&with).next() {
            Some(kind) => Err(format!("{kind} is taken away from what does not have it: {list}")),
            None => Ok(&with - &without),
        }
    }

    /// What is answered to whom: groups and a code, and again behind each comma.
    fn answers(&self, text: &'static str) -> Result<BTreeMap<Kind, Verdict>, String> {
        let mut answers = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (groups, code) = part.rsplit_once(' ').ok_or_else(|| format!("no code: {part}"))?;
            let code = CODES.into_iter().find(|it| *it == code).ok_or_else(|| format!("no code: {part}"))?;
            for kind in self.kinds(groups)? {
                only_once(&mut answers, kind, Verdict::Refused(code))?;
            }
        }
        Ok(answers)
    }

    /// For which consent some rules wait, by their names.
    fn waits(&mut self, text: &'static str) -> Result<(), String> {
        let (for_what, names) = text.split_once(':').ok_or_else(|| format!("no rules: {text}"))?;
        let waits = match for_what {
            "never" => Waits::Never,
            "to read" => Waits::ToRead,
            "to send" => Waits::ToSend,
            _ => return Err(format!("no consent: {text}")),
        };
        self.waits.extend(names.split(',').map(|name| (name.trim(), waits)));
        Ok(())
    }

    fn begin(&mut self, head: &'static str) -> Result<(), String> {
        let (name, answers) = head.split_once(':').ok_or_else(|| format!("no answers: {head}"))?;
        self.consents = !name.ends_with("without consent");
        self.socket = name.starts_with("socket");
        self.section = self.answers(answers)?;
        Ok(())
    }

    fn rule(&self, line: &'static str) -> Result<Rule, String> {
        let wrong = || format!("no rule: {line}");
        let (head, answers) = line.split_once('!').unwrap_or((line, ""));
        let (what, rest, writes) = match (head.split_once(" writes "), head.split_once(" reads ")) {
            (Some((what, rest)), _) => (what, rest, true),
            (None, Some((what, rest))) => (what, rest, false),
            (None, None) => return Err(wrong()),
        };
        let (id, on) = what.trim().split_once(' ').unwrap_or((what.trim(), ""));
        let (scope, may) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let mut verdicts = self.answers(answers)?;
        let of_its_own: Vec<Kind> = verdicts.keys().copied().collect();
        for kind in self.kinds(may)? {
            only_once(&mut verdicts, kind, Verdict::Done)?;
        }
        let for_reading = scope.split('+').all(|scope| scope.ends_with(":read"));
        for kind in self.group(KEYS)?.iter().filter(|_| scope != "-") {
            let may = *kind != LACKING && (*kind != READER || for_reading);
            verdicts.entry(kind).or_insert(if may { Verdict::Done } else { Verdict::Refused("forbidden") });
        }
        for (kind, verdict) in &self.section {
            verdicts.entry(kind).or_insert(*verdict);
        }
        let mut rule = Rule { socket: self.socket, id, on: on.trim(), writes, scope, verdicts };
        self.consenting(&mut rule, &of_its_own)?;
        match rule.kinds().collect::<BTreeSet<_>>().symmetric_difference(self.group(EVERYBODY)?).next() {
            Some(kind) => Err(format!("{kind} has no verdict, or is nobody's kind: {line}")),
            None => Ok(rule),
        }
    }

    /// Those who are asked for a consent are answered as who they are but for that, unless the rule waits for it, or has an answer
    /// of its own for them.
    fn consenting(&self, rule: &mut Rule, of_its_own: &[Kind]) -> Result<(), String> {
        let waits = match self.waits.get(rule.name().as_str()) {
            _ if !self.consents => Waits::Never,
            Some(waits) => *waits,
            None if rule.writes => Waits::ToSend,
            None => Waits::ToRead,
        };
        for (group, is_asked) in
            [(UNSENT, waits == Waits::ToSend), (UNREAD, waits != Waits::Never), (AGREED, false)]
        {
            for kind in self.group(group)?.iter().filter(|kind| !of_its_own.contains(kind)) {
                let verdict = rule.verdicts.get(person(kind)).ok_or_else(|| format!("nobody is {kind}"))?;
                let asked = is_asked && self.group(PEOPLE)?.contains(person(kind));
                let verdict = if asked { Verdict::Refused("consent_required") } else { *verdict };
                rule.verdicts.insert(kind, verdict);
            }
        }
        Ok(())
    }
}

fn only_once(verdicts: &mut BTreeMap<Kind, Verdict>, kind: Kind, verdict: Verdict) -> Result<(), String> {
    match verdicts.insert(kind, verdict) {
        None => Ok(()),
        Some(other) => Err(format!("{kind} has two verdicts, {other:?} and {verdict:?}")),
    }
}
