//! Starts a run when its destination is free.

use std::time::Duration;

use haulage::{Engine, Error, Run, RunOptions};
use tokio::time;

use crate::exit::Problem;
use crate::report::{Notice, Reporter};
use crate::signal::{self, Interrupts, SignalRequest};

/// How often a waiting run checks whether the other run has ended.
const LOOK: Duration = Duration::from_millis(200);

/// What a run does when its destination is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// It waits for the other run, and says so.
    Wait,
    /// It fails.
    Fail,
}

/// Why a run was not started.
pub(crate) enum Unstarted {
    Failed(Problem),
    /// A signal arrived while the run waited.
    Interrupted,
}

impl From<Problem> for Unstarted {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// Starts a run. While another one keeps it out, it waits, unless that is not wanted; it says for
/// whom, once for each.
pub(crate) async fn start(
    engine: &Engine,
    options: RunOptions,
    when_busy: WhenBusy,
    interrupts: &mut Interrupts,
    display: &mut dyn Reporter,
) -> Result<Run, Unstarted> {
    let mut told = String::new();
    loop {
        let error = match engine.open(options.clone()) {
            Ok(run) => return Ok(run),
            Err(error) => error,
        };
        let Some(run) = waits_for(&error, when_busy) else {
            return Err(Unstarted::Failed(error.into()));
        };
        if told != run {
            run.clone_into(&mut told);
            display.notice(&Notice::Waiting(run));
        }
        tokio::select! {
            asked = interrupts.next() => {
                if asked != SignalRequest::Pause {
                    return Err(Unstarted::Interrupted);
                }
                display.leave();
                signal::pause();
            }
            () = time::sleep(LOOK) => {}
        }
    }
}

fn waits_for(error: &Error, when_busy: WhenBusy) -> Option<&str> {
    error.busy_with().filter(|_| when_busy == WhenBusy::Wait)
}
