//! What processes cost, as the operating system counts it: processor time, bytes written, memory, syncs of the disk.

use std::{fs, io, os::linux::fs::MetadataExt, path::Path};

use anyhow::{Context, Result};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// Ticks of processor time in a second, as `/proc` counts them on every Linux (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes that serve: those named, and all that they have started.
#[derive(Clone, Debug)]
pub(crate) struct Processes {
    roots: Vec<u32>,
    disk: Disk,
}

/// What they have cost since they began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Processor time in user code and in the kernel, in seconds, by clocks of nanoseconds.
    pub(crate) cpu_s: f64,
    /// The part of it in the kernel, in seconds, counted in ticks: what a `send` over loopback costs up to the receiver's
    /// queue is in it.
    pub(crate) system_s: f64,
    /// Bytes that they had written to the disk, `write_bytes` of `/proc/PID/io`: pages of checkpoints included.
    pub(crate) written_bytes: f64,
    /// Flushes of the disk that holds their data. The disk counts them for all processes of the machine.
    pub(crate) syncs: f64,
}

impl Spent {
    /// What was spent since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - before.cpu_s,
            system_s: self.system_s - before.system_s,
            written_bytes: self.written_bytes - before.written_bytes,
            syncs: self.syncs - before.syncs,
        }
    }

    /// Processor time in microseconds, user and system.
    pub(crate) fn cpu_us(self) -> f64 {
        self.cpu_s * 1e6
    }
}

impl Processes {
    /// Those of `roots`, whose data lies below `folder`.
    pub(crate) fn new(roots: Vec<u32>, folder: &Path) -> Result<Self> {
        Ok(Self { roots, disk: Disk::of(folder)? })
    }

    /// What they have cost so far.
    ///
    /// # Errors
    /// That one of the roots has ended.
    pub(crate) fn spent(&self) -> Result<Spent> {
        let mut spent = Spent { syncs: self.disk.flushes()?, ..Spent::default() };
        for process in self.all()? {
            let Some(times) = Times::of(process)? else { continue };
            // A process that ends here is one of those whose time its parent gets.
            spent.cpu_s += clock_s(process).unwrap_or(0.0) + times.children_s;
            spent.system_s += times.system_s;
            spent.written_bytes += written_bytes(process)?;
        }
        Ok(spent)
    }

    /// The memory that is theirs, in bytes: the proportional set size, in which a page that several share counts for each
    /// its part.
    pub(crate) fn memory_bytes(&self) -> Result<f64> {
        let mut bytes = 0.0;
        for process in self.all()? {
            let Some(text) = read(process, "smaps_rollup")? else { continue };
            bytes += field(&text, "Pss:").unwrap_or(0.0) * 1024.0;
        }
        Ok(bytes)
    }

    /// The roots and their descendants.
    fn all(&self) -> Result<Vec<u32>> {
        let mut all = self.roots.clone();
        let mut looked = 0;
        while let Some(process) = all.get(looked).copied() {
            looked += 1;
            let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for task in tasks.filter_map(Result::ok) {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
        }
        Ok(all)
    }
}

/// Processor time of a process so far, all threads, in seconds; none if it has ended.
fn clock_s(process: u32) -> Option<f64> {
    let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed())).ok()?;
    let now = clock.now().ok()?;
    Some(now.tv_sec() as f64 + now.tv_nsec() as f64 / 1e9)
}

/// What `/proc/PID/stat` tells of a process, in seconds.
struct Times {
    /// In the kernel, with those of its children that have ended.
    system_s: f64,
    /// Of its children that have ended, whose clocks are gone.
    children_s: f64,
}

impl Times {
    /// Those of a process; none if it has ended.
    fn of(process: u32) -> Result<Option<Self>> {
        let Some(stat) = read(process, "stat")? else { return Ok(None) };
        // The name of the program may have spaces, and ends with the last bracket; the times are fields 14 to 17 of proc(5).
        let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let ticks: Vec<f64> =
            rest.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse().ok()).collect();
        let [_, system, children_user, children_system] = ticks[..] else {
            anyhow::bail!("/proc/PID/stat has another form");
        };
        Ok(Some(Self {
            system_s: (system + children_system) / TICKS_PER_SECOND,
            children_s: (children_user + children_system) / TICKS_PER_SECOND,
        }))
    }
}

fn written_bytes(process: u32) -> Result<f64> {
    let text = read(process, "io")?.unwrap_or_default();
    Ok(field(&text, "write_bytes:").unwrap_or(0.0))
}

/// A file of a process; none if it has ended meanwhile.
fn read(process: u32, file: &str) -> Result<Option<String>> {
    let path = format!("/proc/{process}/{file}");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        // A process that ends while it is read is `ESRCH`.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3) => Ok(None),
        Err(error) => Err(error).context(path),
    }
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The disk that holds a folder.
#[derive(Clone, Debug)]
struct Disk {
    stat: Option<String>,
}

impl Disk {
    fn of(folder: &Path) -> Result<Self> {
        let device = fs::metadata(folder).with_context(|| folder.display().to_string())?.st_dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let stat = format!("/sys/dev/block/{major}:{minor}/stat");
        Ok(Self { stat: fs::exists(&stat)?.then_some(stat) })
    }

    /// Flushes so far; 0 where the folder is on no disk that counts them, such as one in memory.
    fn flushes(&self) -> Result<f64> {
        let Some(path) = &self.stat else { return Ok(0.0) };
        let text = fs::read_to_string(path).with_context(|| path.clone())?;
        // Field 16 of Documentation/block/stat.rst of the kernel.
        Ok(text.split_whitespace().nth(15).and_then(|flushes| flushes.parse().ok()).unwrap_or(0.0))
    }
}
