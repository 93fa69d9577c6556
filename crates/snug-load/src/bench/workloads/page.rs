//! W5: a page of history. A member reads pages of 50 at random depths of conversations of ever more messages, over REST and
//! over its socket; and, from a server that has just started, pages whose 50 messages are of 50 authors. The unit is a page. The
//! floor's is one bare statement for the same bytes.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::bench::Run;
use crate::bench::figures::{Latencies, Metric, Place};
use crate::bench::fill;
use crate::bench::http::Http;
use crate::bench::link::{Link, SocketLink};
use crate::bench::processes::Spent;
use crate::bench::subject::{Conversation, Snug};

const W5: &str = "W5";

/// Messages of the conversations. The largest is what the goals are about; `--full` makes it ten times as large.
const SIZES: [(&str, u64); 3] = [("10,000", 10_000), ("100,000", 100_000), ("largest", 1_000_000)];
const FULL: u64 = 10_000_000;

/// Messages of a page, and authors of a conversation: they write in turn, so that a page has a message of each.
const PAGE: u64 = 50;

/// Pages of a round.
const PAGES: u64 = 500;

/// Conversations of which the first page is read from a server that knows no author's key.
const COLD: u64 = 20;

/// Where pages begin is the same in every run.
const SEED: u64 = 5;

/// A conversation, its reader, and how many messages it has.
struct Book {
    conversation: u64,
    reader: usize,
    messages: u64,
}

/// Measures all cases.
pub(crate) async fn run(run: &mut Run) -> Result<()> {
    let mut books = Vec::new();
    for (case, size) in SIZES {
        if !run.wants(case) {
            continue;
        }
        let size = if case == "largest" && run.args.full { FULL } else { size };
        let size = run.amount(size, 10 * PAGE) / PAGE * PAGE;
        let book = Book::write(run, size, fill::WRITERS, fill::BURST).await?;
        book.copy_to_floor(run).await?;
        books.push((case, book));
    }
    for _ in 0..run.args.rounds {
        for (case, book) in &books {
            read(run, case, book).await.with_context(|| format!("{W5} {case}"))?;
        }
    }
    if run.wants("50 authors") { cold(run).await } else { Ok(()) }
}

impl Book {
    /// Has so many of 50 members write messages in turn, each `burst` of them at once.
    async fn write(run: &mut Run, messages: u64, writers: usize, burst: u64) -> Result<Self> {
        let conversation = Conversation { number: run.conversation(), members: run.people(PAGE as usize) };
        let snug = run.snug()?;
        snug.provide(std::slice::from_ref(&conversation)).await?;
        let mut links = Vec::new();
        for user in conversation.members.clone().take(writers) {
            links.push(Link::Socket(snug.hello(user, None).await?.0));
        }
        let messages = fill::write(&mut links, conversation.number, messages, burst).await?;
        Ok(Self { conversation: conversation.number, reader: conversation.members.start, messages })
    }

    /// Stores as much at the floor.
    async fn copy_to_floor(&self, run: &Run) -> Result<()> {
        let mut links = Vec::new();
        for user in self.reader..self.reader + fill::WRITERS {
            links.push(run.floor()?.connect(user, &[self.conversation]).await?);
        }
        fill::write(&mut links, self.conversation, self.messages, fill::BURST).await?;
        Ok(())
    }
}

/// One round of a conversation: over REST and over the socket.
async fn read(run: &mut Run, case: &str, book: &Book) -> Result<()> {
    let pages = run.amount(PAGES, 50);
    let snug = run.snug()?;
    snug.rests().await?;
    let token = snug.token(book.reader).await?;
    let app = snug.backend().app().as_str().to_owned();
    let mut by_rest = ByRest { http: snug.http().await?, app, token: token.to_string() };
    let pages_read = read_pages(snug, &mut by_rest, book, pages).await?;
    pages_read.note(run, &format!("{case}, REST"), book.messages);
    let snug = run.snug()?;
    let (mut link, _) = snug.hello(book.reader, None).await?;
    let pages_read = read_pages(snug, &mut link, book, pages).await?;
    pages_read.note(run, &format!("{case}, socket"), book.messages);
    read_from_floor(run, &format!("{case}, socket"), book, pages).await
}

async fn read_from_floor(run: &mut Run, case: &str, book: &Book, count: u64) -> Result<()> {
    let floor = run.floor()?;
    let mut link = floor.connect(book.reader, &[book.conversation]).await?;
    let link = link.socket()?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut latencies = Latencies::new()?;
    let before = floor.processes().spent()?;
    for _ in 0..count {
        let after = random.random_range(0..=book.messages - PAGE);
        let began = Instant::now();
        link.page(book.conversation, "after", after).await?;
        latencies.record(began.elapsed());
    }
    let spent = floor.processes().spent()?.since(before);
    let place = Place { workload: W5, case, subject: "floor" };
    run.spent(&place, spent, count as f64);
    run.figures.add(&place, Metric::AnswerP50Ms, latencies.at(50.0));
    run.figures.add(&place, Metric::AnswerP99Ms, latencies.at(99.0));
    Ok(())
}

/// First pages from a server that has just started, each of 50 authors that it has not met, and the same again.
async fn cold(run: &mut Run) -> Result<()> {
    let mut books = Vec::new();
    for _ in 0..=run.amount(COLD, 4) {
        books.push(Book::write(run, PAGE, PAGE as usize, 1).await?);
    }
    for _ in 0..run.args.rounds {
        run.snug_mut()?.restart().await?;
        for case in ["50 authors, cold", "50 authors, warm"] {
            let snug = run.snug()?;
            let mut pages = Pages::begin(snug).await?;
            // The first opens what all need, and is not counted.
            for (place, book) in books.iter().enumerate() {
                if place == 1 {
                    pages = Pages::begin(snug).await?;
                }
                let token = snug.token(book.reader).await?;
                let app = snug.backend().app().as_str().to_owned();
                let mut by_rest = ByRest { http: snug.http().await?, app, token: token.to_string() };
                pages.read(&mut by_rest, book, "after", 0).await?;
            }
            let read = pages.end(snug).await?;
            read.note(run, case, PAGE);
        }
    }
    Ok(())
}

/// Reads pages below and around random messages.
async fn read_pages(snug: &Snug, reader: &mut impl Reader, book: &Book, count: u64) -> Result<Read> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    // The first of a connection authenticates it.
    Pages::begin(snug).await?.read(reader, book, "after", 0).await?;
    let mut pages = Pages::begin(snug).await?;
    for nth in 0..count {
        let seq = random.random_range(PAGE + 1..=book.messages - PAGE);
        pages.read(reader, book, if nth % 2 == 0 { "before" } else { "around" }, seq).await?;
    }
    pages.end(snug).await
}

/// Whoever asks for pages.
trait Reader {
    /// The answer that has the page beside a seq.
    async fn page(&mut self, conversation: u64, side: &str, seq: u64) -> Result<Vec<u8>>;
}

struct ByRest {
    http: Http,
    app: String,
    token: String,
}

impl Reader for ByRest {
    async fn page(&mut self, conversation: u64, side: &str, seq: u64) -> Result<Vec<u8>> {
        let app = &self.app;
        let path = format!("/v1/apps/{app}/conversations/c{conversation}/messages?{side}={seq}&limit={PAGE}");
        self.http.get(&path, &self.token).await
    }
}

impl Reader for SocketLink {
    async fn page(&mut self, conversation: u64, side: &str, seq: u64) -> Result<Vec<u8>> {
        let page = format!(r#""conversation":"c{conversation}","{side}":{seq},"limit":{PAGE}"#);
        self.ask(&format!(r#""op":"history",{page}"#)).await?;
        self.answer().await
    }
}

/// Pages that are being read.
struct Pages {
    before: Spent,
    rows: f64,
    bytes: usize,
    latencies: Latencies,
}

impl Pages {
    async fn begin(snug: &Snug) -> Result<Self> {
        let rows = if snug.is_own() { snug.rows_read().await? } else { 0.0 };
        Ok(Self { rows, before: snug.processes.spent()?, bytes: 0, latencies: Latencies::new()? })
    }

    async fn read(&mut self, reader: &mut impl Reader, book: &Book, side: &str, seq: u64) -> Result<()> {
        let began = Instant::now();
        let page = reader.page(book.conversation, side, seq).await?;
        self.latencies.record(began.elapsed());
        self.bytes += page.len();
        let messages = page.windows(6).filter(|six| six == b"\"seq\":").count() as u64;
        ensure!(messages == PAGE, "a page of {messages} messages");
        Ok(())
    }

    async fn end(self, snug: &Snug) -> Result<Read> {
        let spent = snug.processes.spent()?.since(self.before);
        let rows = if snug.is_own() { snug.rows_read().await? - self.rows } else { 0.0 };
        Ok(Read { spent, rows, bytes: self.bytes, latencies: self.latencies })
    }
}

/// Pages that were read.
struct Read {
    spent: Spent,
    rows: f64,
    bytes: usize,
    latencies: Latencies,
}

impl Read {
    fn note(self, run: &mut Run, case: &str, stored: u64) {
        let pages = self.latencies.count() as f64;
        let place = Place { workload: W5, case, subject: "snug" };
        run.spent(&place, self.spent, pages);
        run.figures.add(&place, Metric::Rows, self.rows / pages);
        run.figures.add(&place, Metric::AnswerBytes, self.bytes as f64 / pages);
        run.figures.add(&place, Metric::AnswerP50Ms, self.latencies.at(50.0));
        run.figures.add(&place, Metric::AnswerP99Ms, self.latencies.at(99.0));
        run.figures.add(&place, Metric::Stored, stored as f64);
    }
}
