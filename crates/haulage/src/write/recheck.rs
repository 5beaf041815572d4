//! Hashes existing files on the disk threads: one after another, and a slice at a time, so that
//! downloads are written in between.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio_util::sync::CancellationToken;

use super::destination::Lookup;
use super::hash::Hashes;
use crate::checksum::Checksum;
use crate::plan::name::TargetName;
use crate::pool::{BlockingPool, Job};
use crate::sync::lock;

/// The most bytes that one read returns.
const BUFFER: usize = 256 << 10;
/// After this many bytes, other jobs of the disk threads have their turn.
const SLICE: usize = 4 << 20;
/// After this many files they do too: each costs as much as a few hundred kilobytes.
const FILES: usize = 16;

/// Files to be hashed, in order.
pub(crate) struct Rechecks {
    lookup: Arc<dyn Lookup>,
    pool: Arc<BlockingPool>,
    stopping: CancellationToken,
    queue: Mutex<Queue>,
    work: Mutex<Work>,
}

/// The result for one file.
#[derive(Debug)]
pub(crate) enum Rechecked {
    /// Its length in bytes, and its hashes.
    Hashed(u64, Vec<Checksum>),
    /// It could not be read.
    Unreadable(io::Error),
    /// The run is being stopped.
    Stopped,
}

/// Called with the result, on a disk thread.
type Done = Box<dyn FnOnce(Rechecked) + Send>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(TargetName, Hashes, Done)>,
    /// The files are in the pool's queue, or are being hashed.
    submitted: bool,
}

/// The file that is being read.
#[derive(Default)]
struct Work {
    open: Option<(Box<dyn Read + Send>, Hashes, u64, Done)>,
    buffer: Vec<u8>,
}

impl Rechecks {
    /// Creates an empty queue. Once `stopping` is cancelled, waiting files are reported as stopped
    /// at once.
    pub(crate) fn new(
        lookup: Arc<dyn Lookup>,
        pool: Arc<BlockingPool>,
        stopping: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            lookup,
            pool,
            stopping,
            queue: Mutex::default(),
            work: Mutex::default(),
        })
    }

    /// Queues a file to be hashed.
    pub(crate) fn add(
        self: &Arc<Self>,
        target: TargetName,
        hashes: Hashes,
        done: impl FnOnce(Rechecked) + Send + 'static,
    ) {
        let mut queue = self.queue();
        queue.waiting.push_back((target, hashes, Box::new(done)));
        if !std::mem::replace(&mut queue.submitted, true) {
            drop(queue);
            self.pool.submit(Arc::clone(self) as Arc<dyn Job>);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Job for Rechecks {
    fn run(self: Arc<Self>) {
        let mut work = lock(&self.work);
        let (mut bytes, mut files) = (0, 0);
        while bytes < SLICE && files < FILES {
            if work.open.is_none() {
                let next = {
                    let mut queue = self.queue();
                    let next = queue.waiting.pop_front();
                    queue.submitted = next.is_some();
                    next
                };
                let Some((target, hashes, done)) = next else {
                    return;
                };
                if self.stopping.is_cancelled() {
                    done(Rechecked::Stopped);
                    continue;
                }
                files += 1;
                match self.lookup.read(&target) {
                    Ok(file) => work.open = Some((file, hashes, 0, done)),
                    Err(error) => done(Rechecked::Unreadable(error)),
                }
            }
            bytes += work.read_on(self.stopping.is_cancelled());
        }
        drop(work);
        self.pool.submit(Arc::clone(&self) as Arc<dyn Job>);
    }
}

impl Work {
    /// Reads once, and reports the result at the end of the file. Returns how many bytes it read.
    fn read_on(&mut self, stopping: bool) -> usize {
        let Some((mut file, mut hashes, length, done)) = self.open.take() else {
            return 0;
        };
        if stopping {
            done(Rechecked::Stopped);
            return 0;
        }
        self.buffer.resize(BUFFER, 0);
        match file.read(&mut self.buffer) {
            Ok(0) => done(Rechecked::Hashed(length, hashes.finish())),
            Ok(read) => {
                hashes.update(&self.buffer[..read]);
                self.open = Some((file, hashes, length + read as u64, done));
                return read;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.open = Some((file, hashes, length, done));
            }
            Err(error) => done(Rechecked::Unreadable(error)),
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::fake::FakeDisk;
    use super::*;
    use crate::checksum::Algorithm;
    use crate::plan::name::RelativeName;

    fn target(name: &str) -> TargetName {
        TargetName::portable(&RelativeName::from_user(name).unwrap(), "http://host/x")
    }

    fn crc32c() -> Hashes {
        Hashes::new(&[Algorithm::Crc32c], &[])
    }

    /// Returns rechecks of files on a disk, their pool with one thread, and the sender that starts
    /// that when it is dropped.
    fn bench(stopping: &CancellationToken) -> (Arc<Rechecks>, Arc<BlockingPool>, mpsc::Sender<()>) {
        let disk = FakeDisk::default();
        disk.put("large", vec![7; 3 * SLICE]);
        disk.put("small", b"123456789".to_vec());
        let pool = Arc::new(BlockingPool::new("test-disk", 1));
        let (start, started) = mpsc::channel::<()>();
        pool.call(move || {
            let _ = started.recv();
        });
        let rechecks = Rechecks::new(Arc::new(disk), Arc::clone(&pool), stopping.clone());
        (rechecks, pool, start)
    }

    #[test]
    fn what_waits_for_the_disk_has_its_turn_within_a_large_file() {
        let (rechecks, pool, start) = bench(&CancellationToken::new());
        let (tell, told) = mpsc::channel();
        for name in ["large", "small", "missing"] {
            let tell = tell.clone();
            rechecks.add(target(name), crc32c(), move |checked| {
                let what = match checked {
                    Rechecked::Hashed(length, hashes) => format!("{length} {}", hashes[0]),
                    Rechecked::Unreadable(error) => error.kind().to_string(),
                    Rechecked::Stopped => "stopped".to_owned(),
                };
                tell.send(what).unwrap();
            });
        }
        pool.call(move || tell.send("between".to_owned()).unwrap());
        drop(start);
        let all: Vec<String> = told.iter().collect();
        assert_eq!(all[0], "between");
        assert!(all[1].starts_with("12582912 crc32c="), "{all:?}");
        assert_eq!(all[2..], ["9 crc32c=e3069283", "entity not found"]);
    }

    #[test]
    fn a_run_that_is_stopped_reads_no_further_in_a_large_file() {
        let stopping = CancellationToken::new();
        let (rechecks, pool, start) = bench(&stopping);
        let (tell, told) = mpsc::channel();
        rechecks.add(target("large"), crc32c(), move |checked| {
            tell.send(matches!(checked, Rechecked::Stopped)).unwrap();
        });
        // This job has its turn after the first slice.
        pool.call(move || stopping.cancel());
        drop(start);
        assert_eq!(told.recv(), Ok(true));
    }

    #[test]
    fn a_run_that_is_stopped_begins_no_other_file() {
        let stopping = CancellationToken::new();
        let (rechecks, _pool, start) = bench(&stopping);
        let (tell, told) = mpsc::channel();
        for name in ["large", "small"] {
            let tell = tell.clone();
            rechecks.add(target(name), crc32c(), move |checked| {
                tell.send(matches!(checked, Rechecked::Stopped)).unwrap();
            });
        }
        stopping.cancel();
        drop((start, tell));
        assert_eq!(told.iter().collect::<Vec<_>>(), [true, true]);
    }
}
