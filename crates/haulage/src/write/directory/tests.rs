//! A destination as a directory: names, links, folders, locks.

use std::cell::Cell;
use std::io::IoSlice;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use super::lock::LOCK;
use super::*;
use crate::plan::name::RelativeName;

fn target(name: &str) -> TargetName {
    TargetName::portable(&RelativeName::from_user(name).unwrap(), "http://host/x")
}

fn options(state_dir: StateDir) -> RunOptions {
    let mut options = RunOptions::new("not used");
    options.state_dir = state_dir;
    options.min_free = Some(0);
    options
}

/// Opens a destination for a run of URLs.
fn open(path: &Path) -> Directory {
    Directory::open(path, &options(StateDir::RemoveWhenDone))
        .unwrap()
        .0
}

/// Opens a destination for a run of lists.
fn open_for_lists(path: &Path) -> Directory {
    Directory::open(path, &options(StateDir::Keep)).unwrap().0
}

/// Saves `bytes` under `name`.
fn save(
    directory: &Directory,
    part: u64,
    name: &str,
    bytes: &[u8],
    replace: Replace,
) -> io::Result<()> {
    let mut file = directory.create(part)?;
    assert_eq!(file.write(&[IoSlice::new(bytes)])?, bytes.len());
    file.close()?;
    directory.commit(part, &target(name), replace)
}

#[test]
fn a_part_gets_its_name_and_folders_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    save(&directory, 1, "a/b/c.bin", b"one", Replace::Never).unwrap();
    save(&directory, 2, "a/b/d.bin", b"two", Replace::Never).unwrap();
    assert_eq!(fs::read(folder.path().join("a/b/c.bin")).unwrap(), b"one");
    let found = directory.stat(&target("a/b/d.bin")).unwrap();
    let modified = fs::metadata(folder.path().join("a/b/d.bin"))
        .and_then(|about| about.modified())
        .ok();
    assert_eq!(
        found,
        PathKind::File {
            length: 3,
            modified
        }
    );
    assert_eq!(directory.stat(&target("a/e/f")).unwrap(), PathKind::Nothing);
    assert_eq!(directory.stat(&target("a/b")).unwrap(), PathKind::Obstacle);
    assert_eq!(
        directory.stat(&target("a/b/c.bin/x")).unwrap(),
        PathKind::NoFolder
    );
}

#[test]
fn a_file_is_never_executable() {
    let folder = tempfile::tempdir().unwrap();
    save(&open(folder.path()), 1, "a.sh", b"#!", Replace::Never).unwrap();
    let mode = fs::metadata(folder.path().join("a.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0);
}

#[test]
fn nothing_is_replaced_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    save(&directory, 1, "a", b"old", Replace::Never).unwrap();
    let error = save(&directory, 2, "a", b"new", Replace::Never).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    save(&directory, 3, "a", b"new", Replace::Files).unwrap();
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"new");
}

/// Saves `bytes` under `name`, like [`save`], but as a part that is written in one step.
fn save_whole(directory: &Directory, part: u64, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = directory.create_whole(part)?;
    assert_eq!(file.write(&[IoSlice::new(bytes)])?, bytes.len());
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))?;
    file.close()?;
    KeptParts::sync(directory, part)?;
    directory.commit(part, &target(name), Replace::Never)
}

/// Returns how many parts the runs of URLs have.
fn parts(folder: &Path) -> usize {
    let runs = fs::read_dir(folder.join(".haul/part")).unwrap();
    let files = runs.flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap());
    files
        .filter(|file| file.as_ref().unwrap().file_name() != *LOCK)
        .count()
}

#[test]
fn what_is_written_at_once_is_a_file_like_any_other_whether_or_not_it_had_a_name_before() {
    for had_a_name in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = open(folder.path());
        if had_a_name {
            directory.unnamed = Arc::new(Unnamed::none());
        }
        save_whole(&directory, 1, "a/b.sh", b"one").unwrap();
        let file = folder.path().join("a/b.sh");
        assert_eq!(fs::read(&file).unwrap(), b"one");
        let about = fs::metadata(&file).unwrap();
        assert_eq!(about.permissions().mode() & 0o111, 0);
        assert_eq!((about.nlink(), about.mtime()), (1, 1_000_000_000));
        // The existing file stays, and the part can get another name.
        let taken = save_whole(&directory, 2, "a/b.sh", b"two").unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        directory.commit(2, &target("c"), Replace::Never).unwrap();
        assert_eq!(fs::read(folder.path().join("c")).unwrap(), b"two");
        // Or no name at all.
        save_whole(&directory, 3, "c", b"three").unwrap_err();
        directory.remove(3).unwrap();
        let gone = directory.commit(3, &target("d"), Replace::Never);
        assert_eq!(gone.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(parts(folder.path()), 0);
    }
}

#[test]
fn of_what_has_no_name_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    save_whole(&directory, 1, "a", b"one").unwrap();
    if !directory.unnamed.works() {
        // The file system of this folder cannot do this.
        return;
    }
    drop(directory.create_whole(2).unwrap());
    let file = directory.create_whole(3).unwrap();
    file.close().unwrap();
    assert_eq!(parts(folder.path()), 0);
    drop(directory);
    assert_eq!(parts(folder.path()), 0);
}

#[test]
fn few_descriptors_wait_for_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut directory = open(folder.path());
    directory.unnamed = Arc::new(Unnamed::at_most(2));
    for part in 1..=4 {
        directory.create_whole(part).unwrap().close().unwrap();
    }
    assert!(directory.unnamed.len() <= 2);
    for part in 1..=4 {
        let name = target(&part.to_string());
        directory.commit(part, &name, Replace::Never).unwrap();
    }
    assert_eq!((directory.unnamed.len(), parts(folder.path())), (0, 0));
}

#[test]
fn a_link_at_the_target_is_replaced_and_never_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let precious = outside.path().join("precious");
    save(
        &open(outside.path()),
        1,
        "precious",
        b"precious",
        Replace::Never,
    )
    .unwrap();
    symlink(&precious, folder.path().join("a")).unwrap();
    let directory = open(folder.path());
    save(&directory, 1, "a", b"new", Replace::Files).unwrap();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"new");
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    assert_eq!(directory.stat(&target("dangling")).unwrap(), PathKind::Link);
}

#[test]
fn a_folder_that_is_a_link_does_not_lead_out() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), folder.path().join("a")).unwrap();
    assert!(save(&open(folder.path()), 1, "a/b", b"new", Replace::Never).is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_second_run_is_kept_out_until_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(StateDir::Keep);
    options.title = "urls.txt".into();
    let (first, _) = Directory::open(folder.path(), &options).unwrap();
    let Err(error) = Directory::open(folder.path(), &options) else {
        panic!("the folder is locked");
    };
    assert_eq!(error.kind(), ErrorKind::Disk);
    assert!(error.to_string().contains("another run"), "{error}");
    let busy = error.busy_with().unwrap();
    let process = format!("process {}", std::process::id());
    assert!(busy.starts_with(&process), "{busy}");
    let what = format!(
        ", which is downloading urls.txt into {}",
        folder.path().display()
    );
    assert!(busy.ends_with(&what), "{busy}");
    drop(first);
    open_for_lists(folder.path());
}

#[test]
fn parts_of_an_earlier_run_are_removed_unless_they_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open_for_lists(folder.path());
    for part in [3, 7, 8] {
        let mut file = directory.create(part).unwrap();
        file.write(&[IoSlice::new(b"0123456789")]).unwrap();
    }
    drop(directory);
    let directory = open_for_lists(folder.path());
    // The last part is shorter than recorded, and one does not exist.
    let kept = directory.adopt(&[(7, 10), (8, 11), (9, 1)]).unwrap();
    assert_eq!(kept, [7]);
    assert_eq!(directory.first(), 10);
    drop(directory.create(3).unwrap());
    let mut file = KeptParts::open(&directory, 7, 4).unwrap();
    file.write(&[IoSlice::new(b"---")]).unwrap();
    drop(file);
    let mut text = String::new();
    let mut part = KeptParts::read(&directory, 7).unwrap();
    part.read_to_string(&mut text).unwrap();
    assert_eq!(text, "0123---789");
}

#[test]
fn the_workspace_goes_when_all_is_there_and_nothing_else_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join(WORKSPACE);
    open(folder.path()).close(false);
    assert!(workspace.exists(), "something is needed: it stays");
    fs::create_dir(workspace.join("of another")).unwrap();
    let second = open(folder.path());
    assert_eq!(second.space.left.len(), 1);
    second.remove_left_run(&second.space.left[0]).unwrap();
    second.close(true);
    assert!(workspace.exists(), "something else is in it: it stays");
    fs::remove_dir(workspace.join("of another")).unwrap();
    open(folder.path()).close(true);
    assert!(!workspace.exists());
}

#[test]
fn a_destination_that_cannot_be_used_says_so() {
    let folder = tempfile::tempdir().unwrap();
    save(&open(folder.path()), 1, "file", b"", Replace::Never).unwrap();
    let Err(error) = Directory::open(&folder.path().join("file"), &options(StateDir::Keep)) else {
        panic!("a file is no folder");
    };
    assert!(error.to_string().contains("is no folder"), "{error}");
}

#[test]
fn workspace_that_is_no_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(WORKSPACE), "").unwrap();
    for state_dir in [StateDir::Keep, StateDir::RemoveWhenDone] {
        let Err(error) = Directory::open(folder.path(), &options(state_dir)) else {
            panic!("a file is no folder");
        };
        let says = error.to_string();
        assert!(
            says.contains("/.haul, or part in it, is no folder"),
            "{says}"
        );
    }
}

#[test]
fn writing_stops_before_the_room_that_is_to_stay_free_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut most = options(StateDir::Keep);
    most.min_free = Some(u64::MAX);
    let Err(error) = Directory::open(folder.path(), &most) else {
        panic!("nobody has so much");
    };
    assert!(error.ends_the_run(), "{error}");
    assert!(error.to_string().contains("--min-free"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let mut directory = open(folder.path());
    directory.room = Arc::new(Room::of(Some(1), directory.root.as_fd()).seen_by(|_| Some(1)));
    save(&directory, 1, "small", b"small", Replace::Never).unwrap();
    let error = save(&directory, 2, "large", &vec![0; 5 << 20], Replace::Never).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn only_what_is_to_be_synced_is_written_out_early() {
    for (durability, early) in [
        (Durability::None, false),
        (Durability::Batch, true),
        (Durability::Each, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(StateDir::Keep);
        options.durability = durability;
        let (directory, _) = Directory::open(folder.path(), &options).unwrap();
        let file = tempfile::tempfile().unwrap();
        assert_eq!(directory.open_file(file.into()).write_out.is_some(), early);
    }
}

#[test]
fn what_is_written_by_hand_and_what_flows_count_for_it() {
    thread_local! {
        static BEGUN: Cell<u32> = const { Cell::new(0) };
    }
    let file = OwnedFd::from(tempfile::tempfile().unwrap());
    let mut part = OpenPart {
        room: Arc::new(Room::of(Some(0), file.as_fd())),
        file,
        write_out: Some(WriteOut::begun_by(|_| BEGUN.set(BEGUN.get() + 1))),
    };
    let bytes = vec![0; 2 << 20];
    for begun in [0, 1] {
        assert_eq!(part.write(&[IoSlice::new(&bytes)]).unwrap(), bytes.len());
        assert_eq!(BEGUN.get(), begun);
    }
    part.written_directly(4 << 20).unwrap();
    assert_eq!(BEGUN.get(), 2);
}

#[test]
fn first_part_has_the_name_where_no_call_claims_it() {
    let folder = tempfile::tempdir().unwrap();
    let directory = open(folder.path());
    for part in [1, 2] {
        let mut file = directory.create(part).unwrap();
        file.write(&[IoSlice::new(part.to_string().as_bytes())])
            .unwrap();
    }
    let claims = directory.claims();
    let to = Name {
        folder: directory.root.as_fd(),
        file: "a",
    };
    claims.look_and_rename(1, to).unwrap();
    let error = claims.look_and_rename(2, to).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"1");
    assert_eq!(
        parts(folder.path()),
        1,
        "the second one may get another name"
    );
    symlink("nowhere", folder.path().join("link")).unwrap();
    let link = Name { file: "link", ..to };
    let error = claims.look_and_rename(2, link).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn run_that_ends_removes_nothing_of_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    drop(first.create(1).unwrap());
    assert_eq!(second.space.left, Vec::<String>::new());
    second
        .remove_left_run(first.space.own.as_ref().unwrap())
        .unwrap();
    second.close(true);
    KeptParts::read(&first, 1).unwrap();
    first.close(true);
    assert!(!folder.path().join(WORKSPACE).exists());
}
