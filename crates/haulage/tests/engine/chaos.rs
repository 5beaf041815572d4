//! Whatever an origin does, an item ends as the right bytes or as one failure, in bounded time, and
//! the engine goes on.

use std::time::{Duration, Instant};

use haulage::{Outcome, Row};
use origin::{Body, Origin, Script};
use proptest::prelude::*;

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, next_outcome, rest};

/// Kinds of failure that a server can be the cause of.
const ITS_FAULT: [&str; 8] = [
    "http",
    "incomplete",
    "protocol",
    "redirect",
    "refused",
    "reset",
    "timeout",
    "tls",
];
/// Far more than the rows of a case should take; what hangs would take for ever.
const BOUND: Duration = Duration::from_mins(1);

fn file(seed: u64) -> Body {
    Body::seeded(seed, 20_000)
}

/// Runs these rows, and sees the same engine fetch a good one after them. Returns the outcomes of
/// the former, and the name of the latter.
async fn run_and_go_on(sandbox: &Sandbox, rows: Vec<Row>) -> (Vec<Outcome>, String) {
    // Elsewhere, since what breaks an HTTP/2 connection breaks all that is on it.
    let elsewhere = Origin::plain();
    elsewhere.under("/", |_| Script::ok(file(0)));
    let (mut run, mut outcomes) = (sandbox.start(), Vec::new());
    let mut events = run.events();
    let count = rows.len();
    run.feed(rows);
    while outcomes.len() < count {
        outcomes.push(next_outcome(&mut events).await);
    }
    // On a slow machine even this may take longer than the timeout.
    let mut nth = 0;
    let good = loop {
        run.feed([get(&elsewhere.url(&format!("/good{nth}")))]);
        let outcome = next_outcome(&mut events).await;
        if kind(&outcome) != "timeout" {
            break outcome;
        }
        nth += 1;
    };
    assert_done(&good);
    run.close();
    assert!(rest(&mut events).await.is_empty(), "a row ended twice");
    (outcomes, good.path.unwrap().to_string())
}

fn survives(origin: &Origin, seeds: &[u64]) -> Result<(), TestCaseError> {
    for seed in seeds {
        origin.on(&format!("/{seed}"), Script::random(*seed, file(*seed)));
    }
    let mut sandbox = Sandbox::new();
    sandbox.options.timeout = Duration::from_millis(150);
    sandbox.options.retry.retries = 1;
    sandbox.options.route.tls.verification = haulage::Verification::Insecure;
    let rows: Vec<_> = seeds
        .iter()
        .map(|seed| get(&origin.url(&format!("/{seed}"))))
        .collect();
    let start = Instant::now();
    let (outcomes, good) = block_on(run_and_go_on(&sandbox, rows));
    prop_assert!(start.elapsed() < BOUND, "it took {:?}", start.elapsed());
    prop_assert_eq!(outcomes.len(), seeds.len());
    let mut names = vec![good];
    for outcome in outcomes {
        let seed = outcome.url.rsplit('/').next().unwrap().parse().unwrap();
        let shown = || format!("{:?}", Script::random(seed, file(seed)));
        match outcome.error() {
            None => {
                names.push(seed.to_string());
                prop_assert!(
                    sandbox.read(&seed.to_string()) == file(seed).bytes(),
                    "{}",
                    shown()
                );
            }
            Some(error) => {
                let kind = kind(&outcome);
                prop_assert!(ITS_FAULT.contains(&kind), "{kind}: {error}: {}", shown());
                let message = error.to_string();
                prop_assert!(
                    !message.is_empty() && !message.contains('\n'),
                    "{message:?}"
                );
            }
        }
    }
    names.sort();
    prop_assert_eq!(sandbox.names(), names, "nothing else is left");
    Ok(())
}

fn seeds() -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::hash_set(1..u64::MAX, 1..12).prop_map(|seeds| seeds.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn over_http1(seeds in seeds()) {
        survives(&Origin::plain(), &seeds)?;
    }

    #[test]
    fn over_tls(seeds in seeds()) {
        survives(&Origin::tls_http1(), &seeds)?;
    }

    #[test]
    fn over_http2(seeds in seeds()) {
        survives(&Origin::tls(), &seeds)?;
    }
}
