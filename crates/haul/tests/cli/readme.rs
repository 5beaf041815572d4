//! The command blocks of the READMEs and of the pages for users in `docs`: each runs as a reader
//! would paste it, in a folder of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use origin::{Body, Origin, Script};

use crate::Sandbox;

/// Records the calls of haul, and stands in for what cargo would build and run.
const PRELUDE: &str = r#"
set -euo pipefail
haul() {
    local status=0
    "$HAUL" "$@" || status=$?
    printf '%s %s\n' "$status" "$*" >>"$HOME/calls"
}
cargo() {
    case "$*" in
        'run --release -- demo') haul demo ;;
        'install --locked --path crates/haul') [ -e "$REPOSITORY/crates/haul/Cargo.toml" ] ;;
        'test --workspace') ;;
        'run -p origin') ;;
        'run -p origin -- --tls --listen 127.0.0.1:8443 --cert-out ca.pem') ;;
        *) printf 'a test of this cargo command is missing: %s\n' "$*" >&2; return 1 ;;
    esac
}
"#;

/// Calls that end with 1, because the recipe is about a file that is missing.
const FAILING: [&str; 7] = [
    "-d results -i urls.txt --results results.jsonl --results results.parquet",
    "-d results -i results.jsonl --results again.csv",
    "-d events -i urls.txt --progress json",
    "-d logged -i urls.txt --log-file haul.log --metrics-file haul.prom",
    "-d listed -i list.txt",
    "check listed",
    "-d listed -i failed.txt --retry-failed all",
];

/// Servers that the blocks name. Each is the folder `SERVED` of the origin.
const HOSTS: [&str; 3] = [
    "https://example.org/",
    "https://www.rfc-editor.org/",
    "https://data.commoncrawl.org/",
];

const SERVED: &str = "/bytes/1K/";

/// A list of checksums, and the one file in it.
const RELEASE: &str = "haul\n";
const RELEASE_SUMS: &str =
    "721745e3d4e6ec96e9ab6f5e0aae3134f57061582142f6edef0b2414e1f227f5  haul.tar.gz\n";

/// What a block in Markdown says, and the line that it begins on.
struct Block {
    line: usize,
    text: String,
}

/// Finds the blocks of shell commands.
fn blocks(markdown: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in markdown.lines().enumerate() {
        match &mut open {
            None if line == "```sh" => {
                open = Some(Block {
                    line: number + 2,
                    text: String::new(),
                });
            }
            Some(_) if line == "```" => found.extend(open.take()),
            Some(block) => block.text.extend([line, "\n"]),
            None => {}
        }
    }
    assert!(open.is_none(), "the last block does not end");
    found
}

/// The servers that the recipes ask their reader to start.
struct Servers {
    plain: Origin,
    tls: Origin,
}

impl Servers {
    fn start() -> Self {
        let servers = Self {
            plain: Origin::plain(),
            tls: Origin::tls(),
        };
        for origin in [&servers.plain, &servers.tls] {
            origin.serve_flags(Duration::ZERO);
        }
        servers.serve_lists();
        servers
    }

    /// Serves the lists that blocks name by their URLs.
    fn serve_lists(&self) {
        let serve = |path: &str, content: Body| {
            self.plain
                .on(&format!("{SERVED}{path}"), Script::ok(content));
        };
        serve("release/haul.tar.gz", Body::of(RELEASE));
        serve("release/SHA256SUMS", Body::of(RELEASE_SUMS));
        let mut paths = GzEncoder::new(Vec::new(), Compression::default());
        paths
            .write_all(b"crawl-data/1/a.warc.gz\ncrawl-data/1/b.warc.gz\n")
            .unwrap();
        let paths = Body::of(paths.finish().unwrap());
        serve("crawl-data/CC-MAIN-2026-04/warc.paths.gz", paths);
    }

    /// Puts the addresses of these servers into a block, and leaves out most of the waiting.
    fn rewrite(&self, text: &str) -> String {
        let plain = self.plain.authority();
        let served = self.plain.url(SERVED);
        HOSTS
            .iter()
            .fold(text.to_owned(), |text, host| text.replace(host, &served))
            .replace("127.0.0.1:8080", &plain)
            .replace("proxy.example.com:3128", &plain)
            .replace(
                "localhost:8443",
                &format!("localhost:{}", self.tls.address().port()),
            )
            .replace("delay=500ms", "delay=5ms")
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Makes what a block expects of its reader.
fn prepare(block: &Block, servers: &Servers) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.make("home");
    sandbox.write("ca.pem", servers.tls.ca_pem());
    if block.text.contains("-i urls.txt") && !block.text.contains("> urls.txt") {
        sandbox.write("urls.txt", &servers.plain.url("/bytes/1K/listed"));
    }
    sandbox
}

/// Runs a block, and checks the exit status of each call of haul in it.
fn run(name: &str, block: &Block, servers: &Servers) {
    let at = format!("{name}:{}", block.line);
    let sandbox = prepare(block, servers);
    let home = sandbox.path().join("home");
    let output = Command::new("bash")
        .args(["-c", &format!("{PRELUDE}{}", servers.rewrite(&block.text))])
        .current_dir(sandbox.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &home)
        .env("HAUL", env!("CARGO_BIN_EXE_haul"))
        .env("REPOSITORY", repository())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{at}: {}\n{stderr}", output.status);
    let calls = std::fs::read_to_string(home.join("calls")).unwrap_or_default();
    for call in calls.lines() {
        let (status, arguments) = call.split_once(' ').unwrap_or((call, ""));
        let expected = if FAILING.contains(&arguments) {
            "1"
        } else {
            "0"
        };
        assert_eq!(status, expected, "{at}: haul {arguments}\n{stderr}");
    }
    let is_called = block.text.lines().any(|line| line.starts_with("haul "));
    assert!(!is_called || !calls.is_empty(), "{at}: haul was not called");
}

#[track_caller]
fn run_all(name: &str) {
    let markdown = std::fs::read_to_string(repository().join(name)).unwrap();
    let blocks = blocks(&markdown);
    assert!(!blocks.is_empty(), "{name} has no blocks");
    assert_eq!(blocks.len(), markdown.matches("```sh").count(), "{name}");
    let servers = Servers::start();
    for block in &blocks {
        run(name, block, &servers);
    }
}

#[test]
fn readme_blocks_run_as_they_are_pasted() {
    run_all("README.md");
}

#[test]
fn chinese_readme_blocks_run_as_they_are_pasted() {
    run_all("README.zh-CN.md");
}

#[test]
fn guide_blocks_run_as_they_are_pasted() {
    run_all("docs/guide.md");
}

#[test]
fn chinese_guide_blocks_run_as_they_are_pasted() {
    run_all("docs/zh/guide.md");
}

#[test]
fn blocks_for_users_of_other_programs_run() {
    run_all("docs/coming-from.md");
}

#[test]
fn chinese_blocks_for_users_of_other_programs_run() {
    run_all("docs/zh/coming-from.md");
}

#[test]
fn cookbook_blocks_run_as_they_are_pasted() {
    run_all("docs/cookbook.md");
}

#[test]
fn chinese_cookbook_blocks_run_as_they_are_pasted() {
    run_all("docs/zh/cookbook.md");
}
