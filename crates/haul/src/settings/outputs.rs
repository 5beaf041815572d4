//! The files that a run writes beside what it downloads. Each is a file of its own, and no list.

use std::path::{Path, PathBuf};

use haulage::source::ListFormat;

use crate::args::{Download, InputFormat};
use crate::exit::Problem;
use crate::html_report::PagePlan;
use crate::input::{Count, Inputs};
use crate::metrics::MetricsPlan;
use crate::report::{Form, ResultsPlan, Sources};
use crate::values::ResultsTarget;

/// What a run writes beside what it downloads.
pub(super) struct Outputs {
    pub(super) results: ResultsPlan,
    pub(super) page: Option<PagePlan>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) metrics: MetricsPlan,
}

impl Outputs {
    /// Decides which files there are.
    ///
    /// # Errors
    /// When a file is named twice, or is one of the lists: it would be emptied before it is read.
    pub(super) fn of(download: &Download, inputs: &Inputs) -> Result<Self, Problem> {
        let counts = inputs.counts();
        let mut files = Files::with_lists(download, &counts);
        let targets = if download.dry_run {
            vec![(ResultsTarget::Output, Form::Plan)]
        } else {
            let targets = download.results.iter();
            targets.map(|target| (target.clone(), Form::Rows)).collect()
        };
        let mut to_output = 0;
        for target in &download.results {
            match target {
                ResultsTarget::Output => to_output += 1,
                ResultsTarget::File(path, _) => files.add(RESULTS, "have the results", path)?,
            }
        }
        if to_output > 1 {
            return Err(Problem::usage(format!("{RESULTS} names - twice")));
        }
        let page = page(download)?;
        if let Some(page) = &page {
            files.add("--report", "be the report", &page.path)?;
        }
        let mut outputs = Self {
            results: ResultsPlan {
                targets,
                hashes: download.hashes.clone(),
                sources: sources(&counts, download.input_format),
                types: inputs.carried_types(),
            },
            page,
            log_file: None,
            metrics: MetricsPlan::default(),
        };
        if !download.dry_run {
            outputs.log_file.clone_from(&download.log_file);
            outputs.metrics.address.clone_from(&download.metrics);
            outputs.metrics.file.clone_from(&download.metrics_file);
        }
        if let Some(path) = &outputs.log_file {
            files.add("--log-file", "be the log", path)?;
        }
        if let Some(path) = &outputs.metrics.file {
            files.add("--metrics-file", "have the metrics", &path.0)?;
        }
        Ok(outputs)
    }
}

/// The files that are read or written, each with the option that names it.
struct Files(Vec<(PathBuf, &'static str)>);

/// The option that names lists.
const LISTS: &str = "-i";
const RESULTS: &str = "--results";

impl Files {
    fn with_lists(download: &Download, counts: &[Count]) -> Self {
        let mut lists: Vec<_> = download.inputs.iter().map(|list| real(list)).collect();
        add_lists(counts, &mut lists);
        Self(lists.into_iter().map(|list| (list, LISTS)).collect())
    }

    /// Adds a file that an option names; `role` says what becomes of it, after "cannot".
    ///
    /// # Errors
    /// If another option names it, too.
    fn add(&mut self, option: &'static str, role: &str, path: &Path) -> Result<(), Problem> {
        let (path, shown) = (real(path), path.display());
        let other = self.0.iter().find(|(known, _)| *known == path);
        match other.map(|(_, other)| *other) {
            None => {}
            Some(other) if other == option => {
                return Err(Problem::usage(format!("{option} names {shown} twice")));
            }
            Some(LISTS) => {
                let what = format!("{shown} is a list to read, and cannot {role} too");
                let hint = format!("{option} with another name, and later a rename");
                return Err(Problem::usage(what).hint(hint));
            }
            Some(other) => {
                let what = format!("{shown} is the file of {other}, and cannot {role} too");
                return Err(Problem::usage(what).hint(format!("{option} with another name")));
            }
        }
        self.0.push((path, option));
        Ok(())
    }
}

/// Adds the files that are read as lists, without links.
fn add_lists(counts: &[Count], files: &mut Vec<PathBuf>) {
    for count in counts {
        match count {
            Count::Files(paths, _) => files.extend(paths.iter().map(|path| real(path))),
            Count::AtMost(_, counts) => add_lists(counts, files),
            Count::Known(_) | Count::Unknown => {}
        }
    }
}

/// Returns the path of a file without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let of_file = std::fs::canonicalize(path);
    let beside = || {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    of_file
        .ok()
        .or_else(beside)
        .unwrap_or_else(|| path.to_owned())
}

/// Decides which page is written about the run; `None` if none is wanted.
///
/// # Errors
/// When it has no name.
fn page(download: &Download) -> Result<Option<PagePlan>, Problem> {
    let Some(path) = &download.report else {
        return Ok(None);
    };
    if path.as_os_str() == "-" {
        return Err(
            Problem::usage("--report needs the name of a file").hint("--report report.html")
        );
    }
    Ok(Some(PagePlan {
        path: path.clone(),
        command: String::new(),
    }))
}

/// Returns what is known of the columns of all sources.
fn sources(counts: &[Count], given: InputFormat) -> Sources {
    use ListFormat::{Aria2, Arrow, Checksums, Csv, Parquet, Text};
    let of_source = |count: &Count| match (count, given) {
        (Count::AtMost(_, counts), _) => sources(counts, given),
        (Count::Known(_) | Count::Files(_, Some(Text | Checksums | Aria2)), _)
        | (Count::Unknown, InputFormat::Text | InputFormat::Checksums | InputFormat::Aria2) => {
            Sources::WithoutColumns
        }
        (Count::Files(files, Some(Csv | Parquet | Arrow)), _) if files.len() == 1 => {
            Sources::OneTable
        }
        (Count::Unknown, InputFormat::Csv | InputFormat::Parquet | InputFormat::Arrow) => {
            Sources::OneTable
        }
        _ => Sources::Any,
    };
    match &*counts.iter().map(of_source).collect::<Vec<_>>() {
        [one] => *one,
        several if several.iter().all(|one| *one == Sources::WithoutColumns) => {
            Sources::WithoutColumns
        }
        _ => Sources::Any,
    }
}
