//! What follows when a proxy cannot be used: all that goes through it waits until it works again,
//! or fails with it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::clock;
use crate::engine::item::Item;
use crate::engine::item::host_unavailable::HostUnavailable;
use crate::engine::item::task::Task;
use crate::engine::run::Run;
use crate::error::Error;
use crate::event::{Event, Warning};
use crate::fetch::origin::Origin;
use crate::schedule::HostId;

impl Run {
    /// Notes that a request that was sent at `sent` could not use the proxy of its host. If the
    /// proxy is given up, gives up all work that waits for it, of whichever run, and returns why;
    /// `None` if what goes through it is to wait.
    pub(crate) fn proxy_failed(
        self: &Arc<Self>,
        host: HostId,
        sent: Instant,
        error: &Error,
    ) -> Option<HostUnavailable> {
        let policy = &self.options.retry;
        let dispatcher = &self.services.dispatcher;
        let Some(waiting) = dispatcher.on_proxy_failed(host, sent, error, policy) else {
            if !self.has_warned_of_proxy.swap(true, Ordering::Relaxed) {
                // Else nothing but a status line would tell until the proxy is given up.
                let warning = Warning::ProxyFails(error.to_string());
                self.ledger.emit(Event::Warned(warning));
            }
            return None;
        };
        let why = HostUnavailable::behind_proxy(error, policy);
        let keys: HashSet<_> = waiting.iter().map(|(key, _)| Arc::clone(key)).collect();
        for run in self.runs.all() {
            run.spill.give_up(&keys, &why);
        }
        for work in waiting.into_iter().flat_map(|(_, work)| work) {
            work.run.give_up(work.task, &why);
        }
        Some(why)
    }

    /// Puts back a task that could not begin, since the proxy of its host cannot be used: that does
    /// not count as an attempt. If the proxy is given up, gives the task up.
    pub(crate) fn wait_for_proxy(
        self: &Arc<Self>,
        host: HostId,
        sent: Instant,
        task: Task,
        error: &Error,
    ) {
        if let Some(why) = self.proxy_failed(host, sent, error) {
            return self.give_up(task, &why);
        }
        if let Task::Item(item) = &task
            && let Some(under_way) = &item.under_way
        {
            under_way.transfer.set_waiting(true);
        }
        let ready_at = self.records_attempts().then(clock::now);
        self.put_back(host, task, ready_at);
    }

    /// Returns whether all other URLs of an item are reached through the proxy of the present
    /// request, so that none is of use while that is down.
    pub(crate) fn has_one_proxy(&self, item: &Item) -> bool {
        let proxy = |url| self.connector.proxy_of(&Origin::of(url));
        let own = proxy(item.url());
        let mut others = (0..item.sources()).filter(|nth| *nth != item.mirrors.at());
        others.all(|nth| proxy(item.source(nth)) == own)
    }
}
