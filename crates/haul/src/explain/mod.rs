//! `haul explain`: what a kind of error or an HTTP status means, and what to do about it.

mod page;
mod topic;

use std::fmt::Write as _;

use haulage::ErrorKind;

pub(crate) use self::page::{of_status, summary};
pub(crate) use self::topic::{Topic, TopicParser};
use crate::exit::{Exit, Problem};
use crate::printed;

/// Prints the explanation of a topic to standard output; without one, the kinds of errors.
///
/// # Errors
/// If nothing is known of the topic, or the output cannot be written.
pub(crate) fn print(topic: Option<Topic>) -> Result<Exit, Problem> {
    let text = match topic {
        None => list(),
        Some(Topic::Kind(kind)) => format!("{}\n", page::of_kind(kind)),
        Some(Topic::Status(status)) => {
            let section = of_status(status).ok_or_else(|| unknown(status))?;
            format!("{section}\n")
        }
    };
    printed::print(text.as_bytes())
}

fn unknown(status: u16) -> Problem {
    Problem::usage(format!("there is nothing about the status {status}"))
        .hint("haul explain http says what holds for all of them")
}

/// Returns the kinds of errors, one a line, with what each means.
fn list() -> String {
    let mut text = String::new();
    for kind in ErrorKind::ALL {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{:<10}  {}", kind.name(), summary(kind));
    }
    text.push_str(
        "\nhaul explain KIND says what to do; haul explain 404 is about an HTTP status.\n",
    );
    text
}
