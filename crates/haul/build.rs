//! Links the unwinder of the C compiler into the program, where it has it as an archive. The shared
//! library takes 6% of the time that `haul --version` takes, and need not be there then.
//!
//! Tells the program what `haul --version --verbose` says of its build.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // `cargo run` and `cargo test` give these to the program too: HAUL_… would be options of it.
    tell("BUILD_TARGET", env::var("TARGET").ok());
    let lock = lock_file();
    for (variable, package) in [("BUILD_RUSTLS", "rustls"), ("BUILD_RING", "ring")] {
        let version = lock.as_deref().and_then(|lock| locked(lock, package));
        tell(variable, version);
    }
    // In other builds each commit would compile everything anew.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        tell("BUILD_COMMIT", commit());
    }
    if let Some(folder) = folder() {
        println!("cargo::rustc-link-arg-bin=haul=-L{}", folder.display());
    }
}

/// Makes a folder in which the linker finds the archive in place of the shared library, which the
/// standard library asks for; `None` where there is none, or another compiler links.
#[expect(
    clippy::disallowed_methods,
    reason = "a build writes to a folder of its own"
)]
fn folder() -> Option<PathBuf> {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // Another linker, such as zig's for an older glibc, has an unwinder of its own.
    let is_for_this_machine =
        env::var_os("HOST") == env::var_os("TARGET") && env::var_os("RUSTC_LINKER").is_none();
    let is_gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !is_for_this_machine || !is_gnu {
        return None;
    }
    let asked = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output()
        .ok()?;
    let archive = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    // A compiler that has none returns the name alone.
    if !archive.is_absolute() || !archive.is_file() {
        return None;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR")?).join("unwinder");
    fs::create_dir_all(&folder).ok()?;
    let script = format!("INPUT(\"{}\")\n", archive.display());
    fs::write(folder.join("libgcc_s.so"), script).ok()?;
    Some(folder)
}

/// Sets a variable of the environment that the program is compiled in.
fn tell(variable: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env={variable}={value}");
    }
}

/// Returns the text of `Cargo.lock`: that of the workspace, or of a package from a registry.
fn lock_file() -> Option<String> {
    let mut paths = ["../../Cargo.lock", "Cargo.lock"].into_iter();
    let (path, text) = paths.find_map(|path| Some((path, fs::read_to_string(path).ok()?)))?;
    println!("cargo::rerun-if-changed={path}");
    Some(text)
}

/// Returns the version of a package in `Cargo.lock`.
fn locked(lock: &str, package: &str) -> Option<String> {
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(after.split_once('"')?.0.to_owned())
}

/// Returns the commit that is built, with its date: `1a2b3c4d5e6f (2026-01-31)`; `None` where there
/// is no repository of haul.
fn commit() -> Option<String> {
    let vcs = ".cargo_vcs_info.json";
    if Path::new(vcs).exists() {
        // In a package from a registry, cargo says which commit it was made of.
        let text = fs::read_to_string(vcs).ok()?;
        let (_, after) = text.split_once("\"sha1\": \"")?;
        return after.get(..12).map(str::to_owned);
    }
    // A copy of the source may stand in the repository of something else.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    for changed in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", changed])?;
        println!("cargo::rerun-if-changed={path}");
    }
    git(&["log", "-1", "--abbrev=12", "--format=%h (%cs)"])
}

/// Returns what git answers, in one line; `None` if it fails, or is not there.
fn git(arguments: &[&str]) -> Option<String> {
    let ran = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(ran.stdout).ok()?;
    (ran.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
