//! A run: events go to the reporters, signals to the engine, until the events end.

use std::future;
use std::io;
use std::path::Path;
use std::time::Duration;

use haulage::{Destination, Error, Event, Events, RunOptions};
use tokio::runtime;
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use crate::cookies::CookieFile;
use crate::exit::{Exit, Problem};
use crate::html_report::PageFile;
use crate::input::Told;
use crate::list_fetcher::ListFetcher;
use crate::metrics::{Metrics, Serving};
use crate::output::Reader;
use crate::report::{Log, Lost, Notice, Reporter, Results, Several, Summary, Total};
use crate::settings::Settings;
use crate::signal::{self, Heed, Interrupts, SignalRequest, Stops};
use crate::start::{self, Unstarted};

/// Runs to the end, and says how that was. What goes wrong is shown on the way.
pub(crate) fn run(settings: Settings) -> Result<Exit, Problem> {
    let total = Total::of(settings.inputs.taken());
    let folder = folder_of(&settings.options);
    let metrics = Metrics::open(&settings.metrics)?;
    let log = settings.log_file.as_deref().map(Log::open).transpose()?;
    let display = settings.display.reporter(&total, folder);
    let counting = metrics.as_ref().map(Metrics::reporter);
    let mut display = Several::beside(display, log.map(Log::begin), counting);
    if let Some(note) = metrics.as_ref().and_then(Metrics::note) {
        display.notice(&Notice::Note(&note));
    }
    for warning in &settings.warnings {
        display.notice(&Notice::Warning(warning));
    }
    for note in &settings.notes {
        display.notice(&Notice::Note(note));
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| no_system(&cause))?;
    let exit = runtime.block_on(async {
        match Run::start(settings, metrics, total.clone(), display.as_mut()).await {
            Ok((run, interrupts)) => run.attend(interrupts, display.as_mut()).await,
            Err(Unstarted::Interrupted) => {
                display.finish(&Summary::unstarted(total.within(COUNTING)));
                Exit::Interrupted
            }
            Err(Unstarted::Failed(problem)) => {
                display.notice(&Notice::Problem(&problem));
                display.leave();
                problem.exit
            }
        }
    });
    Ok(exit)
}

/// Returns the folder that a run writes to; empty if there is none.
fn folder_of(options: &RunOptions) -> &Path {
    match &options.destination {
        Destination::Directory(folder) => folder,
        _ => Path::new(""),
    }
}

/// A run under way.
struct Run {
    handle: haulage::Run,
    /// Fetches further parts of its lists.
    fetcher: ListFetcher,
    events: Events,
    /// What the lists tell of.
    told: Told,
    /// `None` when they have been closed.
    results: Option<Results>,
    /// The page about it; `None` if none is wanted.
    page: Option<PageFile>,
    /// Serves and writes its metrics; `None` if they are not wanted.
    serving: Option<Serving>,
    cookie_file: Option<CookieFile>,
    /// Who reads the file that goes to standard output.
    reader: Option<Reader>,
    summary: Summary,
    total: Total,
    stops: Stops,
    started: Instant,
    /// What makes it worse than its items alone.
    exit: Exit,
    state: State,
}

/// Whether it goes on, or else why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Going,
    /// The results cannot be written.
    Unwritable,
    /// Our standard output was closed by its reader. As with any other program in a pipe, that is
    /// how it is meant to end.
    BrokenPipe,
    /// The first signal has come.
    Interrupted,
}

/// After this number of batches of events, each is followed by a rest, in which the next one grows:
/// waking up costs more than reporting does. A run of a few files is over before that, and is
/// reported without delay; so is the end of any other.
const AT_ONCE: usize = 32;
const REST: Duration = Duration::from_millis(10);
/// How long the closing line of a stopped run waits until its list has been counted.
const COUNTING: Duration = Duration::from_millis(250);

impl Run {
    async fn start(
        settings: Settings,
        metrics: Option<Metrics>,
        total: Total,
        display: &mut dyn Reporter,
    ) -> Result<(Self, Interrupts), Unstarted> {
        let results = Results::open(&settings.results)?;
        let folder = folder_of(&settings.options);
        let page = settings.page.as_ref().map(|page| {
            let folder = folder.display().to_string();
            PageFile::open(page, &settings.options.title, &folder)
        });
        let page = page.transpose()?;
        let mut interrupts =
            Interrupts::listen(display.is_drawn()).map_err(|cause| no_system(&cause))?;
        let (options, when_busy) = (settings.options, settings.when_busy);
        let fetcher = settings.inputs.fetcher.clone();
        let engine = fetcher.engine(&settings.engine).map_err(Problem::from)?;
        let serving = metrics.map(|metrics| metrics.start(engine.clone()));
        let serving = serving.transpose()?;
        let mut handle =
            start::start(&engine, options, when_busy, &mut interrupts, display).await?;
        let results = results.begin()?;
        let events = handle.events();
        let told = settings.inputs.feed(&handle);
        let run = Self {
            handle,
            fetcher,
            events,
            told,
            results: Some(results),
            page,
            serving,
            cookie_file: settings.cookie_file,
            reader: settings.reader,
            summary: Summary::default(),
            total,
            stops: Stops::default(),
            started: Instant::now(),
            exit: Exit::Success,
            state: State::Going,
        };
        Ok((run, interrupts))
    }

    async fn attend(mut self, mut interrupts: Interrupts, display: &mut dyn Reporter) -> Exit {
        let mut ticks = display.period().map(ticks);
        let mut resting_until = None;
        let mut batches = 0;
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                asked = interrupts.next() => self.heed(asked, display),
                at = tick(&mut ticks) => display.tick(at),
                count = after(resting_until, &mut self.events, &mut batch) => {
                    self.report(&mut batch, display);
                    if count == 0 {
                        break;
                    }
                    batches += 1;
                    resting_until = (batches > AT_ONCE).then(|| Instant::now() + REST);
                }
            }
        }
        self.save_cookies(display);
        self.sum_up();
        self.finish_results(&mut interrupts, display).await;
        self.write_page(display);
        if let Some(trouble) = self.serving.take().and_then(Serving::finish) {
            display.notice(&Notice::Warning(&trouble));
        }
        if self.state == State::BrokenPipe {
            display.leave();
            return self.exit;
        }
        display.finish(&self.summary);
        self.exit.or_worse(self.summary.exit())
    }

    /// Writes the cookies, whatever has ended the run.
    fn save_cookies(&mut self, display: &mut dyn Reporter) {
        let saved = self.cookie_file.as_ref().map(CookieFile::save);
        if let Some(Err(problem)) = saved {
            self.exit = self.exit.or_worse(problem.exit);
            display.notice(&Notice::Problem(&problem));
        }
    }

    /// Writes the page about the run, whatever has ended it.
    fn write_page(&mut self, display: &mut dyn Reporter) {
        let Some(page) = self.page.take() else { return };
        let is_complete = self.state == State::Going && !self.summary.interrupted;
        if let Err(problem) = page.write(&self.handle, is_complete) {
            self.exit = self.exit.or_worse(problem.exit);
            display.notice(&Notice::Problem(&problem));
        }
    }

    /// Adds to the summary what no event tells.
    fn sum_up(&mut self) {
        self.summary.elapsed = self.started.elapsed();
        self.summary.interrupted |= matches!(self.state, State::Interrupted | State::Unwritable);
        self.summary.total = self.handle.input_rows();
        if self.summary.interrupted && self.summary.total.is_none() {
            self.summary.total = self.total.within(COUNTING);
        }
    }

    /// Passes a batch on, and writes what came of it.
    fn report(&mut self, batch: &mut Vec<Event>, display: &mut dyn Reporter) {
        if self.state == State::Going && self.reader.as_ref().is_some_and(Reader::is_closed) {
            self.stop(State::BrokenPipe);
        }
        for note in self.told.notes.try_iter() {
            display.notice(&Notice::Note(&note));
        }
        let broken: Vec<Error> = self.told.broken.try_iter().collect();
        for event in batch
            .drain(..)
            .chain(broken.into_iter().map(Event::InputFailed))
        {
            match &event {
                Event::InputFailed(_) => self.exit = self.exit.or_worse(Exit::Usage),
                Event::Stopped(_) => self.exit = self.exit.or_worse(Exit::Destination),
                _ => {}
            }
            self.summary.count(&event);
            if self.state != State::BrokenPipe {
                display.event(&event);
            }
            self.keep(display, |results| results.event(&event));
            if let Some(page) = &mut self.page {
                page.event(&event);
            }
        }
        display.flush();
        self.keep(display, Results::flush);
    }

    /// Adds to the results, as long as they can be written.
    fn keep(&mut self, display: &mut dyn Reporter, what: impl FnOnce(&mut Results) -> Vec<Lost>) {
        let lost = self.results.as_mut().map(what).unwrap_or_default();
        self.lose(lost, display);
    }

    /// Stops, since results cannot be written.
    fn lose(&mut self, lost: Vec<Lost>, display: &mut dyn Reporter) {
        for lost in lost {
            match lost {
                Lost::ReaderClosed => self.stop(State::BrokenPipe),
                Lost::Unwritable(problem) => {
                    self.stop(State::Unwritable);
                    self.exit = self.exit.or_worse(problem.exit);
                    display.notice(&Notice::Problem(&problem));
                }
            }
        }
    }

    /// Writes what is left of the results. That may take its time, so signals count meanwhile.
    async fn finish_results(&mut self, interrupts: &mut Interrupts, display: &mut dyn Reporter) {
        let Some(results) = self.results.take() else {
            return;
        };
        let (lost, closings) = results.finish();
        self.lose(lost, display);
        for closing in closings {
            let mut closing = tokio::task::spawn_blocking(closing);
            let closed = loop {
                tokio::select! {
                    biased;
                    asked = interrupts.next() => self.heed(asked, display),
                    closed = &mut closing => break closed,
                }
            };
            let problem = match closed {
                Ok(Ok(())) => continue,
                Ok(Err(problem)) => problem,
                Err(cause) => Problem::destination(format!("cannot write the results: {cause}")),
            };
            self.exit = self.exit.or_worse(problem.exit);
            display.notice(&Notice::Problem(&problem));
        }
    }

    /// Does what a signal asks for.
    fn heed(&mut self, asked: SignalRequest, display: &mut dyn Reporter) {
        match self.stops.heed(asked, Instant::now().into_std()) {
            Heed::Stop => {
                self.stop(State::Interrupted);
                self.exit = self.exit.or_worse(Exit::Interrupted);
                display.notice(&Notice::Stopping);
            }
            Heed::AtOnce => {
                display.leave();
                at_once();
            }
            Heed::Pause => {
                display.leave();
                signal::pause();
            }
            Heed::Nothing => {}
        }
    }

    fn stop(&mut self, why: State) {
        self.state = why;
        self.handle.cancel();
        self.fetcher.cancel();
    }
}

/// Ends the process without waiting for anything: what is on disk is good for a later run at any
/// instant.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "a second signal asks for just that, and a source may be blocked in a read that nothing ends"
)]
fn at_once() -> ! {
    std::process::exit(Exit::Interrupted as i32)
}

/// Creates an interval whose first tick comes after one period.
fn ticks(period: Duration) -> Interval {
    let mut interval = time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits for the next tick, and returns when it came; waits for ever where there is none.
async fn tick(ticks: &mut Option<Interval>) -> std::time::Instant {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
            Instant::now().into_std()
        }
        None => future::pending().await,
    }
}

/// Adds the next events to `batch` once this instant has come, or the run is over.
async fn after(instant: Option<Instant>, events: &mut Events, batch: &mut Vec<Event>) -> usize {
    if let Some(instant) = instant {
        tokio::select! {
            () = time::sleep_until(instant) => {}
            () = events.over() => {}
        }
    }
    events.next_many(batch).await
}

fn no_system(cause: &io::Error) -> Problem {
    Problem::destination(format!("the run cannot start: {cause}"))
}
