//! Reports where they are left out.

use std::convert::Infallible;
#[cfg(feature = "program")]
use std::path::Path;
use std::path::PathBuf;

#[cfg(feature = "program")]
use haulage::{Error, ErrorKind};
use haulage::{Event, Run};

use crate::args::ReportArgs;
use crate::exit::{Exit, Problem};

/// Where a page would be written.
#[derive(Debug, Clone)]
pub(crate) struct PagePlan {
    pub(crate) path: PathBuf,
    pub(crate) command: String,
}

/// A page, of which there is none.
pub(crate) struct PageFile(Infallible);

impl PageFile {
    pub(crate) fn open(plan: &PagePlan, _: &str, _: &str) -> Result<Self, Problem> {
        let (path, _) = (plan.path.display(), &plan.command);
        Err(left_out(&format!("there is no page for {path}")))
    }

    pub(crate) fn event(&mut self, _: &Event) {
        match self.0 {}
    }

    pub(crate) fn write(self, _: &Run, _: bool) -> Result<(), Problem> {
        match self.0 {}
    }
}

pub(crate) fn print(arguments: &ReportArgs) -> Result<Exit, Problem> {
    let folder = arguments.directory.display();
    let _ = &arguments.output;
    Err(left_out(&format!("there is no report on {folder}")))
}

#[cfg(feature = "program")]
pub(crate) fn of_list(folder: &Path, _: &str, _: &str, _: &str) -> Result<String, Error> {
    let problem = left_out(&format!("there is no report on {}", folder.display()));
    Err(Error::new(ErrorKind::Input, problem.message))
}

fn left_out(what: &str) -> Problem {
    Problem::usage(format!("{what}: this haul was built without reports"))
}
