//! `snug-load bench`: what Snug costs, beside what cannot be left out (the floor) and beside its peers.
//!
//! Every figure is taken in rounds: a round measures each subject once, one after the other, so that a machine that is slow
//! for a while is so for all of them. Figures of interest are the ratios within a round; the median of the rounds is shown.
//! docs/performance.md explains workloads, floors and traps.

mod crowd;
mod figures;
mod fill;
pub mod floor;
mod goals;
mod http;
mod link;
mod machine;
mod pace;
pub mod peers;
mod primitives;
mod processes;
mod snug;
mod socket;
mod stamp;
mod subject;
mod table;
mod workloads;

use std::future::Future;
use std::ops::Range;

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};

use self::figures::{Figures, Place};
use self::primitives::Primitives;
use self::processes::Spent;
use self::snug::Written;
use self::subject::{Conversation, Floor, Snug, Subject};
use crate::cli::{BenchArgs, Workload};

/// Requests that are made at the same time while something is provided.
const SIDE_BY_SIDE: usize = 32;

/// Where the numbers of users begin who are in the conversations of one workload alone.
const PEOPLE: usize = 1_000_000;

/// A run of the benchmark.
struct Run {
    args: BenchArgs,
    subjects: Vec<Subject>,
    figures: Figures,
    /// Where files of the benchmark itself lie: on the disk of the servers' data.
    folder: tempfile::TempDir,
    /// The number of the next conversation.
    conversations: u64,
    /// The number of the next user of those who are in the conversations of one workload alone.
    people: usize,
    /// The cases of the workloads that ran.
    cases: Vec<String>,
}

/// Runs the workloads, prints the table, and answers whether all was measured and every "must" was met.
///
/// # Errors
/// What keeps it from measuring at all. What becomes of a single workload is in the table.
pub async fn bench(args: &BenchArgs) -> Result<bool> {
    raise_file_limit()?;
    let folder = tempfile::Builder::new().prefix("snug-bench-").tempdir()?;
    let snug = Snug::find(&args.target, &args.pids, folder.path()).await?;
    let floor = Floor::start(args.target.backend).await?;
    let subjects = vec![Subject::Snug(Box::new(snug)), Subject::Floor(Box::new(floor))];
    let mut run = Run {
        args: args.clone(),
        subjects,
        figures: Figures::default(),
        folder,
        conversations: 0,
        people: PEOPLE,
        cases: Vec::new(),
    };
    if !args.without_peers {
        run.join("nats", Subject::nats().await);
        run.join("ejabberd", Subject::ejabberd().await);
    }
    for workload in run.workloads() {
        eprintln!("{} …", table::title(workload));
        let done = match workload {
            Workload::W1 => workloads::durable::run(&mut run).await,
            Workload::W2 => workloads::fan_out::run(&mut run).await,
            Workload::W2b => workloads::fan_out::run_offline(&mut run).await,
            Workload::W3 => workloads::idle::run(&mut run).await,
            Workload::W4 => workloads::connect::run(&mut run).await,
            Workload::W5 => workloads::page::run(&mut run).await,
            Workload::W6 => workloads::storm::run(&mut run).await,
            Workload::W7 => workloads::mixed::run(&mut run).await,
            Workload::W8 => workloads::noisy::run(&mut run).await,
            Workload::W9 => workloads::stopped::run(&mut run).await,
        };
        if let Err(error) = done {
            run.figures.failed(table::title(workload), "", &error);
        }
    }
    run.miss_cases();
    let report = table::Report::new(&run);
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(&report).context("encoding the report")?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{report}");
    Ok(report.is_met())
}

impl Run {
    /// The workloads that were asked for, in their order.
    fn workloads(&self) -> Vec<Workload> {
        let all = <Workload as clap::ValueEnum>::value_variants();
        all.iter()
            .copied()
            .filter(|workload| self.args.only.is_empty() || self.args.only.contains(workload))
            .collect()
    }

    /// Takes a peer in, or notes why it is missing.
    fn join(&mut self, name: &'static str, started: Result<Subject>) {
        match started {
            Ok(peer) => self.subjects.push(peer),
            Err(error) => self.figures.failed("peers", name, &error),
        }
    }

    /// Whether a case was asked for.
    fn wants(&mut self, case: &str) -> bool {
        self.cases.push(case.to_owned());
        self.args.cases.is_empty() || self.args.cases.iter().any(|wanted| wanted == case)
    }

    /// Notes the cases that were asked for and that no workload has.
    fn miss_cases(&mut self) {
        for wanted in self.args.cases.iter().filter(|wanted| !self.cases.contains(wanted)) {
            let error = anyhow!("there is no such case; there are: {}", self.cases.join("; "));
            self.figures.failed("case", "", &error.context(wanted.clone()));
        }
    }

    /// Refuses a workload that has no valid round, unless its figures are not held against anything.
    fn ensure_some(&self, valid_rounds: u32) -> Result<()> {
        let some = valid_rounds > 0 || self.args.without_goals;
        ensure!(some, "every round is void: the load itself was late");
        Ok(())
    }

    /// Stores messages in a conversation with each subject that a case measures.
    async fn fill(
        &self,
        workload: &str,
        case: &str,
        conversation: &Conversation,
        messages: u64,
    ) -> Result<()> {
        for subject in self.subjects.iter().filter(|subject| subject.takes_part(workload, case)) {
            subject.provide(std::slice::from_ref(conversation)).await?;
            let mut writers = Vec::new();
            for user in conversation.members.clone().take(fill::WRITERS) {
                writers.push(subject.connect(user, &[conversation.number]).await?);
            }
            fill::write(&mut writers, conversation.number, self.amount(messages, 1), fill::BURST).await?;
        }
        Ok(())
    }

    /// So much of an amount of work, as `--divide` leaves; never less than `least`.
    fn amount(&self, full: u64, least: u64) -> u64 {
        (full / u64::from(self.args.divide)).max(least)
    }

    /// A number that no conversation of this run has yet.
    fn conversation(&mut self) -> u64 {
        self.conversations += 1;
        self.conversations
    }

    /// So many users whom no other workload has.
    fn people(&mut self, count: usize) -> Range<usize> {
        self.people += count;
        self.people - count..self.people
    }

    /// Snug, of what is measured.
    fn snug(&self) -> Result<&Snug> {
        let snug = self.subjects.iter().find_map(|subject| match subject {
            Subject::Snug(snug) => Some(&**snug),
            _ => None,
        });
        snug.context("Snug is not among what is measured")
    }

    /// The floor, of what is measured.
    fn floor(&self) -> Result<&Subject> {
        let floor = self.subjects.iter().find(|subject| matches!(subject, Subject::Floor(_)));
        floor.context("the floor is not among what is measured")
    }

    /// Snug, to restart it.
    fn snug_mut(&mut self) -> Result<&mut Snug> {
        let snug = self.subjects.iter_mut().find_map(|subject| match subject {
            Subject::Snug(snug) => Some(&mut **snug),
            _ => None,
        });
        snug.context("Snug is not among what is measured")
    }

    /// What the machine gives in a round of a case, noted as what the subjects are compared with.
    async fn primitives(&mut self, workload: &'static str, case: &str) -> Result<()> {
        let folder = self.folder.path().to_owned();
        let now = tokio::task::spawn_blocking(move || Primitives::measure(&folder)).await??;
        let place = |subject| Place { workload, case, subject };
        self.figures.add(&place("send loop"), figures::Metric::CpuUs, now.send_us);
        self.figures.add(&place("fdatasync"), figures::Metric::AckP50Ms, now.sync_ms);
        self.figures.add(&place("plain file"), figures::Metric::WallUs, now.file_us);
        Ok(())
    }

    /// Notes how many frames a system call of a subject carried since `before`.
    async fn wrote(&mut self, place: &Place<'_>, subject: usize, before: Option<Written>) -> Result<()> {
        if let (Some(before), Some(now)) = (before, self.subjects[subject].written().await?) {
            self.figures.add(place, figures::Metric::FramesPerWrite, now.frames_per_call(before));
        }
        Ok(())
    }

    /// Notes what processes cost, by so many units of work.
    fn spent(&mut self, place: &Place<'_>, spent: Spent, units: f64) {
        use figures::Metric;
        self.figures.add(place, Metric::CpuUs, spent.cpu_us() / units);
        self.figures.add(place, Metric::SystemUs, spent.system_s * 1e6 / units);
    }
}

/// Does something for each of `items`, many at the same time.
async fn side_by_side<T, F: Future<Output = Result<()>>>(items: Vec<T>, act: impl Fn(T) -> F) -> Result<()> {
    stream::iter(items).map(act).buffer_unordered(SIDE_BY_SIDE).try_collect::<()>().await
}

/// Each socket is a file; the usual limit is for a program with few.
fn raise_file_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raising the limit of open files")
}
