//! What the machine gives at this moment, without any server: one `send` to each of many sockets, one `fdatasync`, and an
//! append of a batch to a plain file with one `fdatasync`. Floors and voidness are told by these.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Sockets of the send loop, as many as W2 has members online.
const SOCKETS: usize = 500;
/// Bytes of the frame that it sends.
const FRAME_BYTES: usize = 303;
/// How often it sends to each.
const SENDS: usize = 40;

/// How many syncs are timed.
const SYNCS: usize = 100;
/// Bytes before each: a page of a write-ahead log and its header.
const SYNC_BYTES: usize = 4096 + 24;
/// Messages of a batch in the plain file, and their bytes.
const BATCH: usize = 32;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Primitives {
    /// Processor time of one `send`, in microseconds.
    pub(crate) send_us: f64,
    /// Wall time of one `fdatasync` after a page was written, in milliseconds: the median.
    pub(crate) sync_ms: f64,
    /// Wall time of a message in a plain file, in microseconds, where 32 share an `fdatasync`.
    pub(crate) file_us: f64,
}

impl Primitives {
    /// Measures them, in a file in `folder`. Blocks.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        Ok(Self { send_us: send_us()?, sync_ms: sync_ms(folder)?, file_us: file_us(folder)? })
    }
}

/// Processor time of this thread, in microseconds.
fn thread_cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Sends a frame to each of many loopback sockets, whose other ends are read in another thread.
fn send_us() -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (mut senders, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..SOCKETS {
        readers.push(TcpStream::connect(address)?);
        let (sender, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        senders.push(sender);
    }
    let reading = std::thread::spawn(move || -> Result<()> {
        let mut buffer = [0; FRAME_BYTES];
        for _ in 0..SENDS {
            for reader in &mut readers {
                reader.read_exact(&mut buffer)?;
            }
        }
        Ok(())
    });
    let frame = [b'x'; FRAME_BYTES];
    let before = thread_cpu_us();
    for _ in 0..SENDS {
        for sender in &mut senders {
            sender.write_all(&frame)?;
        }
    }
    let spent = thread_cpu_us() - before;
    reading.join().ok().context("the reader of the send loop")??;
    Ok(spent / (SOCKETS * SENDS) as f64)
}

fn sync_ms(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("sync"))?;
    // A log that is overwritten in place grows no more, and neither does this.
    file.write_all(&vec![0; SYNC_BYTES * SYNCS])?;
    file.sync_all()?;
    std::io::Seek::rewind(&mut file)?;
    let mut took = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[1; SYNC_BYTES])?;
        let began = Instant::now();
        file.sync_data()?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    super::figures::median(&took).context("no sync was timed")
}

fn file_us(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("file"))?;
    let batch = [b'x'; FRAME_BYTES * BATCH];
    let began = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&batch)?;
        file.sync_data()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / (BATCH * SYNCS) as f64)
}
