//! The allocator of the command. Much of what is allocated on one thread is given back on another
//! (an item is read, fetched, written and reported by four), which the system's allocator does
//! slowly: 10% of the CPU of a small file.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` in mimalloc's `mi_option_e`: how many milliseconds free memory is kept.
/// The binding has no name for it.
const PURGE_DELAY: mi_option_t = 15;

/// Gives free memory back sooner than the allocator's own second: what a run needs changes faster
/// than that, and a list of a million rows takes 4 MiB less at its peak, for no time that could be
/// told from noise. To be called before there are threads.
pub(crate) fn tune() {
    #[expect(
        unsafe_code,
        reason = "the allocator's options have no other interface"
    )]
    // SAFETY: it takes any option and any value, and is to be called by one thread at a time: there
    // is only one yet.
    unsafe {
        mi_option_set(PURGE_DELAY, 20);
    }
}
