//! Checks the pool under many schedules of its threads: every job runs once, and all threads end.

use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::sync::mpsc;

use super::*;
use crate::sync::modelled::check;

/// The pool's patience. In the model, a wait of this length may end at any moment.
const SOON: Duration = Duration::from_millis(1);

#[test]
fn jobs_of_several_threads_run_once_and_all_threads_end() {
    check(|| {
        let ran: Arc<[AtomicUsize; 4]> = Arc::default();
        let pool = Arc::new(BlockingPool::with_patience("model", 2, SOON));
        let submit = |pool: &BlockingPool, job: usize| {
            let ran = Arc::clone(&ran);
            pool.call(move || {
                ran[job].fetch_add(1, Ordering::Relaxed);
            });
        };
        submit(&pool, 0);
        let other = {
            let (pool, ran) = (Arc::clone(&pool), Arc::clone(&ran));
            thread::spawn(move || {
                for job in [1, 2] {
                    let ran = Arc::clone(&ran);
                    pool.call(move || {
                        ran[job].fetch_add(1, Ordering::Relaxed);
                    });
                }
            })
        };
        submit(&pool, 3);
        other.join().unwrap();
        let shared = Arc::clone(&pool.shared);
        drop(pool);
        for job in &*ran {
            assert_eq!(job.load(Ordering::Relaxed), 1);
        }
        assert_eq!(shared.lock().alive, 0);
    });
}

#[test]
fn lone_job_runs_without_another_to_wake_its_thread() {
    check(|| {
        let pool = BlockingPool::with_patience("model", 1, SOON);
        for _ in 0..3 {
            let (tell, told) = mpsc::channel();
            pool.call(move || tell.send(()).unwrap());
            told.recv().unwrap();
        }
    });
}

#[test]
fn job_that_waits_for_a_later_one_is_helped() {
    check(|| {
        let pool = BlockingPool::with_patience("model", 2, SOON);
        let (release, released) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        pool.call(move || released.recv().unwrap());
        pool.call(move || release.send(()).unwrap());
        pool.call(move || tell.send(()).unwrap());
        told.recv().unwrap();
    });
}

#[test]
fn pool_may_be_dropped_by_its_own_job() {
    check(|| {
        let pool = Arc::new(BlockingPool::with_patience("model", 1, SOON));
        let (tell, told) = mpsc::channel();
        let own = Arc::clone(&pool);
        pool.call(move || {
            drop(own);
            tell.send(()).unwrap();
        });
        drop(pool);
        told.recv().unwrap();
    });
}

#[test]
fn threads_that_end_without_work_miss_no_job() {
    check(|| {
        let pool = Arc::new(BlockingPool::with_times("model", 2, SOON, SOON));
        let ran: Arc<AtomicUsize> = Arc::default();
        let submit = |pool: &BlockingPool| {
            let (tell, told) = mpsc::channel();
            let ran = Arc::clone(&ran);
            pool.call(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                tell.send(()).unwrap();
            });
            told
        };
        let (first, second) = (submit(&pool), submit(&pool));
        first.recv().unwrap();
        // The thread of the first job may have ended, or be about to.
        submit(&pool).recv().unwrap();
        second.recv().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 3);
        let shared = Arc::clone(&pool.shared);
        drop(pool);
        assert_eq!(shared.lock().alive, 0);
    });
}

#[test]
fn pool_may_be_dropped_by_its_own_job_while_other_threads_end() {
    check(|| {
        let pool = Arc::new(BlockingPool::with_times("model", 2, SOON, SOON));
        let (tell, told) = mpsc::channel();
        pool.call(|| {});
        let own = Arc::clone(&pool);
        pool.call(move || {
            drop(own);
            tell.send(()).unwrap();
        });
        drop(pool);
        told.recv().unwrap();
    });
}
