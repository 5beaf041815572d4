//! Links the unwinder of the C compiler into the program, where it has it as an archive. The shared
//! library takes 6% of the time that `haul --version` takes, and need not be there then.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
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
    let is_for_this_machine = env::var_os("HOST") == env::var_os("TARGET");
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
