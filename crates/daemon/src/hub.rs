//! Connects clients, downloads and the recorded queue, under one lock.

#[cfg(test)]
pub(crate) mod fake;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use haulage::{Engine, RunOptions};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, broadcast, oneshot};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::file;
use crate::lists::Lists;
use crate::options::Folders;
use crate::queue::{Gid, Queue};
use crate::recorder::Recorder;
use crate::rpc::{self, Answer, Secret};
use crate::runner::EngineRunner;
use crate::service::{Finish, Service};
use crate::store::Recorded;
use crate::tools::Tools;

/// How many notifications wait for a client that is slow; it misses others.
const BACKLOG: usize = 1024;
/// How many clients may be sent what is recorded of lists at once.
const READERS: usize = 8;
/// How often speeds are measured.
const TICK: Duration = Duration::from_millis(500);
/// How long runs may take to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What does not change while the daemon runs.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) started: SystemTime,
    /// The most requests to one host at once; `None` if haul finds them.
    pub(crate) per_host: Option<usize>,
}

/// What a daemon is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) tools: Arc<dyn Tools>,
    /// What holds for a download of which nothing else is said.
    pub(crate) base: RunOptions,
    pub(crate) folders: Folders,
    pub(crate) lists: Lists,
    pub(crate) earlier: Recorded,
    pub(crate) recorder: Recorder,
    pub(crate) secret: Secret,
    pub(crate) about: About,
    /// Where downloads are driven.
    pub(crate) runtime: Handle,
}

/// A change could not be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotRecorded;

/// A change that is being recorded.
struct Recording {
    /// What is new.
    added: BTreeSet<Gid>,
    /// Receives whether it is recorded.
    is_done: oneshot::Receiver<bool>,
}

/// The daemon, without its network.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Itself, for tasks that may outlive it.
    this: Weak<Self>,
    service: Mutex<Service<EngineRunner>>,
    recorder: Recorder,
    secret: Secret,
    pub(crate) lists: Lists,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) about: About,
    notices: broadcast::Sender<Arc<str>>,
    pub(crate) feed: Feed,
    /// A turn for each client that may be sent what is recorded of a list.
    pub(crate) readers: Arc<Semaphore>,
    /// Cancelled when a client has asked it to end.
    pub(crate) ending: CancellationToken,
    /// Cancelled when connections are to be closed.
    pub(crate) closing: CancellationToken,
}

impl Hub {
    /// Returns a daemon with what was recorded.
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts {
            engine,
            tools,
            base,
            folders,
            lists,
            earlier,
            recorder,
            secret,
            about,
            runtime,
        } = parts;
        let queue = Queue::restored(earlier.downloads, earlier.stopped_total);
        Arc::new_cyclic(|this: &Weak<Self>| {
            let hub = Weak::clone(this);
            let on_finish = move |gid, number, finish| {
                if let Some(hub) = hub.upgrade() {
                    hub.finished(gid, number, finish);
                }
            };
            let (used, read) = (Arc::clone(&tools), lists.clone());
            let runner = EngineRunner::new(engine, used, read, runtime, on_finish);
            let seeds = fastrand::Rng::new();
            let global = earlier.global;
            let clock = SystemTime::now;
            let service = Service::new(queue, global, folders, base, runner, seeds, clock);
            Self {
                this: Weak::clone(this),
                service: Mutex::new(service),
                recorder,
                secret,
                lists,
                tools,
                about,
                notices: broadcast::channel(BACKLOG).0,
                feed: Feed::default(),
                readers: Arc::new(Semaphore::new(READERS)),
                ending: CancellationToken::new(),
                closing: CancellationToken::new(),
            }
        })
    }

    /// Starts what waits.
    pub(crate) fn start(&self) {
        let mut service = self.lock();
        service.schedule();
        drop(self.after(&mut service));
    }

    /// Returns the secret that callers need.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Looks at what there is.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Service<EngineRunner>) -> T) -> T {
        look(&self.lock())
    }

    /// Makes a change with the first poll, and waits until it is recorded, with all that was
    /// changed before: what a client is shown is still so after a crash. If the caller stops
    /// waiting, the change is recorded all the same.
    ///
    /// # Errors
    /// When it could not be recorded. Then what it has added is taken out again. What it has
    /// changed otherwise stays so, and is recorded as soon as that is possible.
    pub(crate) async fn change<T>(
        &self,
        change: impl FnOnce(&mut Service<EngineRunner>) -> T,
    ) -> Result<T, NotRecorded> {
        let (result, recording) = {
            let mut service = self.lock();
            let result = change(&mut service);
            (result, self.after(&mut service))
        };
        if let Some(recording) = recording {
            let recorded = tokio::spawn(Self::recorded(Weak::clone(&self.this), recording));
            recorded.await.unwrap_or(Err(NotRecorded))?;
        } else {
            self.settled().await;
        }
        Ok(result)
    }

    /// Waits until all that was changed before is recorded, or could not be. To be called between
    /// a look and its answer.
    pub(crate) async fn settled(&self) {
        self.recorder.settled().await;
    }

    /// Waits until a change is recorded, or takes out again what it has added.
    async fn recorded(this: Weak<Self>, recording: Recording) -> Result<(), NotRecorded> {
        let Recording { added, is_done } = recording;
        if is_done.await.unwrap_or(false) {
            return Ok(());
        }
        if let Some(hub) = this.upgrade() {
            hub.withdraw(added);
        }
        Err(NotRecorded)
    }

    /// Takes out again what was added and could not be recorded.
    fn withdraw(&self, added: BTreeSet<Gid>) {
        let mut service = self.lock();
        for gid in added {
            service.withdraw(gid);
        }
        drop(self.after(&mut service));
    }

    /// Answers the body of a request. What it has changed is recorded then. `admit` is called
    /// before that, if the client has shown the secret.
    pub(crate) async fn answer(&self, body: &[u8], admit: impl FnOnce()) -> Answer {
        self.answer_with(|service, secret| rpc::answer(service, secret, body), admit)
            .await
    }

    /// Answers a request, as [`answer`](Self::answer) does.
    pub(crate) async fn answer_value(&self, request: Value, admit: impl FnOnce()) -> Answer {
        self.answer_with(
            |service, secret| rpc::answer_value(service, secret, request),
            admit,
        )
        .await
    }

    async fn answer_with(
        &self,
        answer: impl FnOnce(&mut Service<EngineRunner>, &Secret) -> Answer,
        admit: impl FnOnce(),
    ) -> Answer {
        let answered = self.change(|service| {
            let answer = answer(service, &self.secret);
            if answer.admitted {
                admit();
            }
            answer
        });
        let answered = answered.await;
        answered.unwrap_or_else(|NotRecorded| rpc::not_recorded())
    }

    /// Returns the notifications from now on, as JSON.
    pub(crate) fn notifications(&self) -> broadcast::Receiver<Arc<str>> {
        self.notices.subscribe()
    }

    /// Notes that the run of this number has ended by itself.
    pub(crate) fn finished(&self, gid: Gid, number: u64, finish: Finish) {
        let mut service = self.lock();
        if !service.runner.is_current(gid, number) {
            return;
        }
        service.finish(gid, finish);
        service.runner.forget(gid, number);
        drop(self.after(&mut service));
    }

    /// Measures the speed of all downloads every half second; does not return.
    pub(crate) async fn measure(&self) {
        let mut ticks = time::interval(TICK);
        loop {
            ticks.tick().await;
            self.lock().runner.measure(Instant::now());
        }
    }

    /// Stops all downloads at a point from which the next process resumes them, and saves the
    /// session if that was asked for.
    pub(crate) async fn stop(&self) {
        let (ends, recorded) = {
            let mut service = self.lock();
            if let Some(path) = service.session_file() {
                let text = service.saved_session();
                if let Err(error) = file::replace(&path, text.as_bytes()) {
                    tracing::error!(target: "haulage::daemon", %error, "the session is not saved");
                }
            }
            service.stop_all();
            let ends = service.runner.ends();
            (ends, self.after(&mut service))
        };
        let all = async {
            for end in ends {
                end.cancelled().await;
            }
        };
        // What does not stop in time is resumed from what was recorded last.
        let _ = time::timeout(GRACE, all).await;
        if let Some(recording) = recorded {
            let _ = recording.is_done.await;
        }
    }

    /// Tells clients what has happened, and records it. In the order of the changes, since the
    /// service is locked.
    fn after(&self, service: &mut Service<EngineRunner>) -> Option<Recording> {
        for notice in service.take_notices() {
            let text: Arc<str> = rpc::notification(notice).to_string().into();
            // There may be no client.
            let _ = self.notices.send(text);
        }
        if service.is_ending() {
            self.ending.cancel();
        }
        let unrecorded = service.take_unrecorded();
        self.feed.note(&unrecorded.batch);
        (!unrecorded.is_empty()).then(|| Recording {
            added: unrecorded.batch.added.clone(),
            is_done: self.recorder.record(unrecorded),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Service<EngineRunner>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::*;

    /// Longer than anything takes that a test waits for.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// Returns a call of aria2's method, with the secret.
    fn call(method: &str, params: &[Value]) -> String {
        let token = json!(format!("token:{}", fake::SECRET));
        let params: Vec<_> = std::iter::once(&token).chain(params).collect();
        json!({"id": 1, "method": format!("aria2.{method}"), "params": params}).to_string()
    }

    fn add_paused() -> String {
        call("addUri", &[json!(["http://h/a"]), json!({"pause": "true"})])
    }

    #[tokio::test]
    async fn answer_waits_until_what_it_shows_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let (recorder, mut record) = Recorder::by_hand();
        let hub = fake::hub_with(folder.path(), recorder);
        let list = call("tellWaiting", &[json!(0), json!(9), json!(["status"])]);
        // Nothing has changed yet.
        let answer = hub.answer(list.as_bytes(), || {}).now_or_never();
        assert_eq!(answer.unwrap().body["result"], json!([]));
        let (add, fail) = (add_paused(), call("unpause", &[json!("0")]));
        assert_eq!(hub.answer(add.as_bytes(), || {}).now_or_never(), None);
        // It changes nothing, and shows what is not recorded.
        for shows in [&list, &fail] {
            assert_eq!(hub.answer(shows.as_bytes(), || {}).now_or_never(), None);
        }
        let mut answer = pin!(hub.answer(list.as_bytes(), || {}));
        assert_eq!(answer.as_mut().now_or_never(), None);
        record();
        let answer = time::timeout(PATIENCE, answer).await.unwrap();
        assert_eq!(answer.body["result"], json!([{"status": "paused"}]));
    }

    #[tokio::test]
    async fn caller_that_does_not_wait_is_admitted_and_undone() {
        let folder = tempfile::tempdir().unwrap();
        let hub = fake::hub(folder.path(), true);
        let call = add_paused();
        let queued = || hub.look(|service| service.queue.queued().count());
        let is_admitted = Cell::new(false);
        // It is polled once, and dropped.
        let answer = hub.answer(call.as_bytes(), || is_admitted.set(true));
        assert_eq!(answer.now_or_never(), None);
        assert!(is_admitted.get());
        assert_eq!(queued(), 1);
        let undone = async {
            while queued() > 0 {
                tokio::task::yield_now().await;
            }
        };
        time::timeout(PATIENCE, undone).await.unwrap();
    }
}
