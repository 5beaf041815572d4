//! What is said when the decoder of a list panics: in this program that ends the process.

use std::io::{self, Write as _};
use std::panic;

use haulage::source::list_being_decoded;

use crate::exit::Exit;

/// Lets a panic of a decoder end the process with a message about its list, and the status for a
/// list that cannot be used. What is on disk is as good as after any other end.
pub(crate) fn explain() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let Some(list) = list_being_decoded() else {
            return default(info);
        };
        if cfg!(panic = "abort") {
            let text = format!(
                "\nerror: cannot read {list}: it is damaged: what it says of itself cannot be true\n"
            );
            // If nobody can be told, the status still says it.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            end();
        }
    }));
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the panic would abort the process, with a status that says less"
)]
fn end() -> ! {
    std::process::exit(Exit::Usage as i32)
}
