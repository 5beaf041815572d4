//! Lanes that are called while they leave: work that is given is taken, once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use shuttle::future;

use super::*;
use crate::sync::modelled::check;

type Handle = LaneHandle<u32>;

/// Waits as a lane does: until it is called, or until it gives up, at any moment. Lanes that wait
/// are in `idle`.
async fn wait(handle: &Handle, idle: &Mutex<Vec<Handle>>, gives_up: bool) -> Option<u32> {
    let is_called = {
        let mut called = pin!(handle.called());
        let mut looks = 0;
        poll_fn(|context| {
            looks += 1;
            if called.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            if gives_up && looks > 1 {
                return Poll::Ready(false);
            }
            if gives_up {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    };
    if is_called {
        return handle.take();
    }
    {
        let mut idle = lock(idle);
        if let Some(at) = idle.iter().position(|one| one == handle) {
            idle.remove(at);
            return None;
        }
    }
    handle.called().await;
    handle.take()
}

#[test]
fn work_given_to_a_lane_that_leaves_is_taken() {
    check(|| {
        let idle: Arc<Mutex<Vec<Handle>>> = Arc::default();
        let lanes: Vec<_> = [true, false]
            .map(|gives_up| {
                let handle = Handle::default();
                lock(&idle).push(handle.clone());
                let idle = Arc::clone(&idle);
                future::spawn(async move { wait(&handle, &idle, gives_up).await })
            })
            .into();
        // As much work as there are lanes that wait; each gets one piece.
        let mut given = Vec::new();
        for work in [1, 2] {
            let lane = lock(&idle).pop();
            if let Some(lane) = lane {
                lane.give(work);
                given.push(work);
            }
        }
        let taken = future::block_on(async {
            let mut taken = Vec::new();
            for lane in lanes {
                taken.extend(lane.await.unwrap());
            }
            taken
        });
        let mut taken = taken;
        taken.sort_unstable();
        assert_eq!(taken, given);
    });
}
