//! What every test needs: a destination, a run, and its outcomes by name.

use std::path::PathBuf;
use std::time::Duration;

use haulage::{Engine, EngineOptions, Error, Event, Outcome, Request, Roots, Row, Run, RunOptions};
use origin::Origin;
use tempfile::TempDir;

/// A destination, and the options of the runs into it.
pub(crate) struct Sandbox {
    folder: TempDir,
    /// For files that a run reads.
    beside: TempDir,
    pub(crate) engine: EngineOptions,
    pub(crate) options: RunOptions,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = RunOptions::new(folder.path());
        // A repetition follows at once, so that no test waits.
        options.retry.base = Duration::ZERO;
        Self {
            folder,
            beside: tempfile::tempdir().unwrap(),
            engine: EngineOptions::default(),
            options,
        }
    }

    /// A sandbox that trusts this origin.
    pub(crate) fn trusting(origin: &Origin) -> Self {
        let mut sandbox = Self::new();
        sandbox.trust(origin);
        sandbox
    }

    /// Trusts this origin and no other, but those of the same process.
    pub(crate) fn trust(&mut self, origin: &Origin) {
        self.trust_pem(origin, origin.ca_pem());
    }

    /// Trusts the certificate that this origin presents, and no other.
    pub(crate) fn trust_itself(&mut self, origin: &Origin) {
        self.trust_pem(origin, origin.certificate_pem());
    }

    fn trust_pem(&mut self, origin: &Origin, pem: &str) {
        let file = self.beside.path();
        let file = file.join(format!("{}-ca.pem", origin.address().port()));
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&file, pem).unwrap();
        self.options.route.tls.roots = Roots::File(file.into());
    }

    /// Runs these rows to their end. The outcomes are in the order of the rows: in which order they
    /// end may depend on the machine.
    pub(crate) fn run(
        &self,
        rows: impl IntoIterator<Item = Row, IntoIter: Send + 'static>,
    ) -> Vec<Outcome> {
        let engine = Engine::start(self.engine.clone()).unwrap();
        let mut run = engine.run(self.options.clone(), rows).unwrap();
        let mut events = run.events();
        block_on(async {
            let mut all = rest(&mut events).await;
            all.sort_by_key(|outcome| outcome.row);
            all
        })
    }

    /// Runs one URL to its end.
    pub(crate) fn fetch(&self, url: &str) -> Outcome {
        self.run([get(url)]).pop().unwrap()
    }

    /// Starts a run that is steered by hand.
    pub(crate) fn start(&self) -> Run {
        self.try_start().unwrap()
    }

    /// Starts a run that is steered by hand, or says why it cannot.
    pub(crate) fn try_start(&self) -> Result<Run, Error> {
        Engine::start(self.engine.clone())?.open(self.options.clone())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Puts a file into the destination.
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Names in the destination, without `.haul`.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".haul")
            .collect();
        names.sort();
        names
    }
}

#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
pub(crate) fn get(url: &str) -> Row {
    Ok(Request::new(url).unwrap())
}

#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
pub(crate) fn named(url: &str, name: &str) -> Row {
    Ok(Request::new(url).unwrap().named(name).unwrap())
}

/// Rows, and what is done when the engine has read them all.
pub(crate) fn and_then(
    rows: Vec<Row>,
    done: impl Fn() + Send + 'static,
) -> impl Iterator<Item = Row> + Send + 'static {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        rows.next().or_else(|| {
            done();
            None
        })
    })
}

/// A row whose file must have these checksums.
#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
pub(crate) fn expecting(url: &str, checksums: &[&str]) -> Row {
    let mut request = Request::new(url).unwrap();
    for checksum in checksums {
        request = request.checksum(checksum.parse().unwrap()).unwrap();
    }
    Ok(request)
}

/// The kind of an outcome's failure.
pub(crate) fn kind(outcome: &Outcome) -> &'static str {
    outcome.error().map_or("none", |error| error.kind().name())
}

/// Asserts that an item is done.
#[track_caller]
pub(crate) fn assert_done(outcome: &Outcome) {
    if let Some(error) = outcome.error() {
        panic!("{}: {error}", outcome.url);
    }
    assert_eq!(outcome.status.name(), "done");
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// The next outcome there is.
pub(crate) async fn next_outcome(events: &mut haulage::Events) -> Outcome {
    loop {
        if let Event::Ended(outcome) = events.next().await.unwrap() {
            return *outcome;
        }
    }
}

/// All that a run still tells.
pub(crate) async fn rest(events: &mut haulage::Events) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Ended(outcome) = event {
            outcomes.push(*outcome);
        }
    }
    outcomes
}
