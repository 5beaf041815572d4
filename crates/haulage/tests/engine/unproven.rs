//! Hosts that have never answered do not hold up those that do, however many they are and wherever
//! their rows stand.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use haulage::Event;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get};

/// A host that never answers.
struct Silent {
    listener: TcpListener,
    /// What fills its queue of connections, if that is full.
    _fills: Option<TcpStream>,
}

impl Silent {
    /// Connections are made, and requests get no answer.
    fn accepting() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self {
            listener,
            _fills: None,
        }
    }

    /// Connecting takes for ever.
    fn not_accepting() -> Self {
        let Self { listener, .. } = Self::accepting();
        rustix::net::listen(&listener, 0).unwrap();
        let fills = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self {
            listener,
            _fills: Some(fills),
        }
    }

    fn url(&self, row: usize) -> String {
        format!("http://{}/{row}", self.listener.local_addr().unwrap())
    }
}

/// A sandbox whose requests do not time out.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.connect_timeout = Duration::from_mins(10);
    sandbox.options.timeout = Duration::from_mins(10);
    sandbox
}

/// Fetches rows of silent hosts, and then good ones: all of these are done before any other ends.
fn good_rows_are_done(sandbox: &Sandbox, silent: &[Silent], rows: usize, good: usize) {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(3, 1000)));
    let of_silent = silent
        .iter()
        .flat_map(|host| (0..rows).map(|row| get(&host.url(row))));
    let mut all: Vec<_> = of_silent.collect();
    all.extend((0..good).map(|row| get(&origin.url(&format!("/{row}")))));
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(all);
    run.close();
    block_on(async {
        let mut done = 0;
        while done < good {
            if let Event::Ended(outcome) = events.next().await.unwrap() {
                assert_done(&outcome);
                done += 1;
            }
        }
    });
    run.cancel();
}

#[test]
fn good_rows_behind_64_silent_hosts_are_done_first() {
    let mut silent: Vec<_> = (0..48).map(|_| Silent::accepting()).collect();
    silent.extend((0..16).map(|_| Silent::not_accepting()));
    good_rows_are_done(&sandbox(), &silent, 1, 2000);
}

#[test]
fn good_rows_behind_many_rows_of_silent_hosts_are_done_first() {
    let silent: Vec<_> = (0..16).map(|_| Silent::accepting()).collect();
    good_rows_are_done(&sandbox(), &silent, 200, 100);
}

#[test]
fn one_job_is_shared_with_a_silent_host_by_time() {
    let mut sandbox = sandbox();
    sandbox.engine.jobs = 1;
    good_rows_are_done(&sandbox, &[Silent::accepting()], 1, 20);
}

#[test]
fn a_slow_host_among_many_silent_ones_is_heard_in_the_end() {
    let (origin, slow) = (Origin::plain(), Gate::new());
    let held = slow.clone();
    origin.under("/", move |_| Script::ok(Body::seeded(3, 1000)).hold(&held));
    let mut sandbox = sandbox();
    sandbox.engine.jobs = 2;
    let silent = Silent::accepting();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a")), get(&silent.url(0))]);
    run.close();
    // It is asked again after its request has given way to the silent host.
    slow.wait_reached(2);
    slow.open();
    block_on(async {
        loop {
            if let Event::Ended(outcome) = events.next().await.unwrap() {
                assert_done(&outcome);
                assert_eq!(outcome.attempts, 1, "giving way is no attempt");
                return;
            }
        }
    });
    run.cancel();
}
