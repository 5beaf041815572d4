//! A gate that a test holds shut before a response, so that tests need no sleep.

use std::sync::Arc;

use crate::signal::Signal;

/// Requests wait at a gate until the test opens it. Clones are the same gate.
///
/// See [`Script::hold`](crate::Script::hold) and [`Script::hold_at`](crate::Script::hold_at).
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<Signal<State>>,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    /// Number of requests that may still pass while the gate is shut.
    admitted: usize,
    reached: usize,
}

impl Gate {
    /// Creates a shut gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the gate: lets all requests through, now and later.
    pub fn open(&self) {
        self.state.change(|state| state.open = true);
    }

    /// Lets `count` more requests through, of those that wait or come later.
    pub fn admit(&self, count: usize) {
        self.state.change(|state| state.admitted += count);
    }

    /// Returns how many requests have come to the gate so far, let through or not.
    #[must_use]
    pub fn arrivals(&self) -> usize {
        self.state.look(|state| state.reached)
    }

    /// Waits until `count` requests in total have come to the gate.
    pub async fn reached(&self, count: usize) {
        self.state.until(|state| state.reached >= count).await;
    }

    /// Waits like [`reached`](Self::reached), but blocks the thread.
    ///
    /// # Panics
    ///
    /// When that has not happened within half a minute.
    #[track_caller]
    pub fn wait_reached(&self, count: usize) {
        self.state.wait(|state| state.reached >= count);
    }

    /// Counts an arrival, and waits until the gate lets it through.
    pub(crate) async fn pass(&self) {
        self.state.change(|state| state.reached += 1);
        self.state
            .until(|state| {
                let admitted = state.open || state.admitted > 0;
                if admitted && !state.open {
                    state.admitted -= 1;
                }
                admitted
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tokio::runtime::Builder;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn holds_until_opened() {
        let gate = Gate::new();
        let held = thread::spawn({
            let gate = gate.clone();
            move || block_on(gate.pass())
        });
        gate.wait_reached(1);
        assert!(!held.is_finished());
        gate.open();
        held.join().unwrap();
        block_on(gate.pass());
        block_on(gate.reached(2));
        assert_eq!(gate.arrivals(), 2);
    }

    #[test]
    fn admits_as_many_as_it_was_told() {
        let gate = Gate::new();
        gate.admit(2);
        block_on(async {
            gate.pass().await;
            gate.pass().await;
            tokio::select! {
                biased;
                () = gate.pass() => panic!("a third was let through"),
                () = gate.reached(3) => {}
            }
        });
    }
}
