//! The files that a run writes beside what it downloads. Each is a file of its own, and no list.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use haulage::source::ListFormat;

use crate::args::{Download, InputFormat};
use crate::exit::Problem;
use crate::html_report::PagePlan;
use crate::input::{Count, Inputs};
use crate::metrics::MetricsPlan;
use crate::report::{Form, ResultsPlan, Sources};
use crate::target::Target;
use crate::values::ResultsTarget;

/// What a run writes beside what it downloads.
pub(super) struct Outputs {
    pub(super) results: ResultsPlan,
    pub(super) page: Option<PagePlan>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) metrics: MetricsPlan,
    /// The names of these files below the destination, which no row gets.
    pub(super) reserved: Vec<String>,
}

/// Where a run saves what it downloads.
pub(super) struct SaveTarget {
    /// `None` if it is no folder.
    folder: Option<PathBuf>,
    /// The file that `-o` names.
    file: Option<PathBuf>,
}

impl SaveTarget {
    pub(super) fn of(target: &Target) -> Self {
        let (folder, file) = match target {
            Target::Folder(folder) => (Some(folder), None),
            Target::File { folder, name } => (Some(folder), Some(folder.join(name))),
            Target::StandardOutput | Target::Device(_) => (None, None),
        };
        Self {
            folder: folder.cloned(),
            file,
        }
    }
}

impl Outputs {
    /// Decides which files there are.
    ///
    /// # Errors
    /// When a file is named twice, is one of the lists, which would be emptied before it is read,
    /// or is where the state is kept.
    pub(super) fn of(
        download: &Download,
        inputs: &Inputs,
        place: &SaveTarget,
    ) -> Result<Self, Problem> {
        let counts = inputs.counts();
        let mut files = Files::new(download, &counts, place);
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
                ResultsTarget::File(path, _) => {
                    files.add(RESULTS, "have the results", path)?;
                    // The rows of a table until it is written.
                    for ending in [".partial", ".partial.jsonl"] {
                        let mut beside = OsString::from(path);
                        beside.push(ending);
                        files.reserve(Path::new(&beside));
                    }
                }
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
            reserved: Vec::new(),
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
        outputs.reserved = files.reserved;
        Ok(outputs)
    }
}

/// The files that are read or written, each with the option that names it.
struct Files {
    known: Vec<(PathBuf, &'static str)>,
    /// The destination, without links; `None` if it is no folder, or not there.
    folder: Option<PathBuf>,
    /// The names of files below the destination.
    reserved: Vec<String>,
}

/// The option that names lists.
const LISTS: &str = "-i";
const OUTPUT: &str = "-o";
const RESULTS: &str = "--results";
/// The folder of the state, below the destination.
const WORKSPACE: &str = ".haul";

impl Files {
    /// Returns the lists that are read, and the file that is downloaded, if it has a name.
    fn new(download: &Download, counts: &[Count], place: &SaveTarget) -> Self {
        let mut lists: Vec<_> = download.inputs.iter().map(|list| real(list)).collect();
        add_lists(counts, &mut lists);
        let lists = lists.into_iter().map(|list| (list, LISTS));
        let file = place.file.iter().map(|file| (real(file), OUTPUT));
        let folder = place.folder.as_ref();
        Self {
            known: lists.chain(file).collect(),
            folder: folder.and_then(|folder| std::fs::canonicalize(folder).ok()),
            reserved: Vec::new(),
        }
    }

    /// Adds a file that an option names; `role` says what becomes of it, after "cannot".
    ///
    /// # Errors
    /// If another option names it, too, or it is in the folder of the state.
    fn add(&mut self, option: &'static str, role: &str, path: &Path) -> Result<(), Problem> {
        self.reserve(path);
        let (path, shown) = (real(path), path.display());
        let workspace = self.folder.as_ref().map(|folder| folder.join(WORKSPACE));
        if workspace.is_some_and(|workspace| path.starts_with(workspace)) {
            let what = format!("{shown} is where haul keeps its state, and cannot {role}");
            let hint = format!("{option} with a name outside of {WORKSPACE}");
            return Err(Problem::usage(what).hint(hint));
        }
        let other = self.known.iter().find(|(known, _)| *known == path);
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
        self.known.push((path, option));
        Ok(())
    }

    /// Reserves the name of a file, if it is below the destination, and that of the file that it
    /// leads to.
    fn reserve(&mut self, path: &Path) {
        let Some(folder) = &self.folder else { return };
        for path in beside(path).into_iter().chain([real(path)]) {
            let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
            self.reserved.extend(name.map(str::to_owned));
        }
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
    of_file
        .ok()
        .or_else(|| beside(path))
        .unwrap_or_else(|| path.to_owned())
}

/// Returns the path of a file in a folder without links; `None` if the folder is not there.
fn beside(path: &Path) -> Option<PathBuf> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
    Some(folder.join(path.file_name()?))
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
