use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::{env, fs, process};

use clap::CommandFactory as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use haulage::{Algorithm, ErrorKind, Existing, Purpose, Roots};
use tempfile::TempDir;

use super::*;
use crate::args::Arguments;
use crate::command_line;

/// Returns options as pairs; `-` is no value.
fn pairs(given: &[(&str, &str)]) -> Vec<(String, Option<OsString>)> {
    let pair = |(name, value): &(&str, &str)| {
        let value = (*value != "-").then(|| OsString::from(value));
        ((*name).to_owned(), value)
    };
    given.iter().map(pair).collect()
}

fn read(given: &[(&str, &str)]) -> EmbeddedOptions {
    match options(Some(Path::new("x")), &pairs(given)) {
        Ok(options) => options,
        Err(problem) => panic!("{given:?}: {problem}"),
    }
}

fn refusal(given: &[(&str, &str)]) -> Problem {
    match options(Some(Path::new("x")), &pairs(given)) {
        Ok(_) => panic!("{given:?} was taken"),
        Err(problem) => problem,
    }
}

/// Returns the message and the hint of a problem.
fn shown(problem: &Problem) -> String {
    format!("{problem}; {}", problem.hint.as_deref().unwrap_or_default())
}

/// What some option takes; the first that it accepts is tried.
const SAMPLES: [&str; 13] = [
    "-",
    "7",
    ";",
    "text",
    "A: b",
    "me:pw",
    "a.example:80:10.0.0.1",
    "md5",
    "sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "127.0.0.1",
    "1.2",
    "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "http://a.example:3128",
];

/// Returns a value for an option that takes one of a few words, or a file, which is read.
fn sample_of(name: &str, file: &str) -> Option<String> {
    let word = match name {
        "layout" => "tree",
        "exists" => "fail",
        "durability" => "each",
        "retry-failed" => "all",
        "base-url" | "referer" => "http://a.example/",
        "cookie" => "a=b",
        "metalink-location" => "de",
        "proxy" => "http://a.example:3128",
        "pinnedpubkey" => "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "netrc" | "netrc-optional" => return Some("false".to_owned()),
        "user-file" | "netrc-file" | "bearer-file" | "load-cookies" | "save-cookies" | "cacert"
        | "cert" | "key" | "proxy-cacert" => file,
        "capath" => "/",
        _ => return None,
    };
    Some(word.to_owned())
}

#[test]
fn every_option_has_the_effect_that_it_has_when_typed() {
    let folder = TempDir::new().unwrap();
    // A line of several formats: of a login, of a token and of cookies.
    let file = written(&folder, "file", b"#:\n");
    let file = file.to_str().unwrap();
    for option in option_names() {
        let name = option.name.as_str();
        let with = match name {
            "key" => vec![("cert", file)],
            "proxy-user" => vec![("proxy", "http://p.example:1")],
            _ => Vec::new(),
        };
        let keyword = option.keyword.as_str();
        let candidates: Vec<_> = match sample_of(name, file) {
            Some(sample) => vec![sample],
            None => SAMPLES.map(str::to_owned).to_vec(),
        };
        let given = |value: &str| pairs(&[&[(keyword, value)], &with[..]].concat());
        let accepted = |value: &&String| options(None, &given(value)).is_ok();
        let Some(value) = candidates.iter().find(accepted) else {
            panic!(
                "{name} takes no sample: {}",
                shown(&refusal(&[(keyword, &candidates[0])]))
            );
        };
        let all = [&[(keyword, &**value)], &with[..]].concat();
        let embedded = read(&all);
        // What `Settings` would decide of the same options.
        let mut words = vec!["haul".to_owned(), "-i=x".to_owned(), "--dir=x".to_owned()];
        for (name, value) in all {
            let name = name.replace('_', "-");
            let name = name.replace("http1-1", "http1.1").replace("v1-3", "v1.3");
            words.extend(match value {
                "-" => Some(format!("--{name}")),
                "false" => None,
                value => Some(format!("--{name}={value}")),
            });
        }
        let typed = command_line::parse(words.into_iter().map(OsString::from)).unwrap();
        let basis = Basis::new(&typed.download, &[], GivenAs::Urls).unwrap();
        let embedded_engine = format!("{:?}", embedded.engine);
        assert_eq!(embedded_engine, format!("{:?}", basis.engine), "{name}");
        let mut run = basis.options;
        run.title.clear();
        assert_eq!(format!("{:?}", embedded.run), format!("{run:?}"), "{name}");

        assert_eq!(embedded.is_given(name), value != "false", "{name}");
        assert_eq!(
            embedded.is_given(&option.keyword),
            value != "false",
            "{name}"
        );
        let default = read(&with);
        let changes_engine = embedded_engine != format!("{:?}", default.engine);
        let of_engine = embedded.given_for_engine();
        let expected = changes_engine.then(|| option.keyword.clone());
        assert_eq!(of_engine, Vec::from_iter(expected), "{name}");
        // Nothing is lost.
        let has_effect = changes_engine
            || format!("{:?}", embedded.run) != format!("{:?}", default.run)
            || embedded.checksums.len() != default.checksums.len()
            || embedded.when_busy != default.when_busy;
        let of_lists = ["base-url", "input-format", "metalink-location", "delimiter"];
        let of_lists = of_lists.contains(&name) || name.ends_with("-column");
        assert_eq!(has_effect, value != "false" && !of_lists, "{name}");
    }
}

#[test]
fn options_are_those_of_a_download_without_those_of_a_terminal() {
    let mut command = Arguments::command();
    command.build();
    let longs = command.get_arguments().filter_map(clap::Arg::get_long);
    let names = option_names();
    let missing: Vec<_> = longs
        .filter(|long| names.iter().all(|option| option.name != *long))
        .collect();
    let mut expected = vec![
        "input",
        "globoff",
        "head",
        "dir",
        "on-complete",
        "on-complete-fails",
        "on-complete-jobs",
        "output",
        "report",
        "results",
        "log-file",
        "metrics",
        "metrics-file",
        "sample",
        "shard",
        "progress",
        "quiet",
        "verbose",
        "config",
        "no-config",
        "help",
        "version",
    ];
    expected.sort_unstable();
    let mut sorted = missing;
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    for name in expected {
        let problem = refusal(&[(name, "7")]);
        assert_eq!(problem.exit, Exit::Usage);
        let message = format!("{name} is for the command line only");
        assert_eq!(problem.message, message);
    }
    let hint = refusal(&[("dir", "y")]).hint.unwrap();
    assert_eq!(hint, "the destination is an argument of its own");
}

#[test]
fn names_have_their_kind_and_can_be_identifiers() {
    let names = option_names();
    let of = |keyword: &str| {
        let mut all = names.iter();
        all.find(|option| option.keyword == keyword).unwrap()
    };
    for (keyword, name, takes, value_name) in [
        ("robots", "robots", Takes::Nothing, None),
        ("per_host", "per-host", Takes::One, Some("N")),
        ("header", "header", Takes::Several, Some("NAME: VALUE")),
        ("http1_1", "http1.1", Takes::Nothing, None),
    ] {
        let option = of(keyword);
        assert_eq!((option.name.as_str(), option.takes), (name, takes));
        assert_eq!(option.value_name.as_deref(), value_name);
    }
    assert_eq!(
        of("robots").help,
        "Obey robots.txt, including its Crawl-delay"
    );
    let help = &of("netrc_optional").help;
    assert_eq!(
        help,
        "Log in as with netrc, but do without the file if it is missing"
    );
    let help = &of("user_file").help;
    assert_eq!(help, "Read USER:PASSWORD from the first line of this file");
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(
        names
            .iter()
            .all(|option| option.keyword.chars().all(is_word))
    );
    let mut keywords: Vec<_> = names.iter().map(|option| &option.keyword).collect();
    keywords.sort();
    keywords.dedup();
    assert_eq!(keywords.len(), names.len());
}

#[test]
fn option_may_be_written_in_each_form() {
    for name in ["per-host", "per_host"] {
        assert_eq!(read(&[(name, "3")]).engine.per_host, Some(3));
    }
    for name in ["http1.1", "http1_1"] {
        let route = read(&[(name, "-")]).run.route;
        assert_eq!(route.http, haulage::HttpVersion::Http1);
    }
    let options = read(&[("header", "X: 1"), ("header", "X: --jobs=2")]);
    assert_eq!(options.run.headers.get_all("x").iter().count(), 2);
    assert_eq!(read(&[("jobs", "2"), ("jobs", "3")]).engine.jobs, 3);
    let options = read(&[("exists", "skip"), ("dry_run", "true")]);
    assert_eq!(options.run.existing, Existing::Skip);
    assert_eq!(options.run.purpose, Purpose::Plan);
}

#[test]
fn switch_is_on_or_off_and_the_last_one_counts() {
    for (values, is_on) in [
        (&["-"][..], true),
        (&["true"], true),
        (&["false"], false),
        (&["-", "false"], false),
        (&["false", "-"], true),
    ] {
        let given: Vec<_> = values.iter().map(|value| ("robots", *value)).collect();
        let options = read(&given);
        let found = (options.run.robots, options.is_given("robots"));
        assert_eq!(found, (is_on, is_on), "{values:?}");
    }
}

#[test]
fn what_cannot_be_used_says_what_can_in_the_words_of_a_caller() {
    for (given, says) in [
        (
            &[("per_hots", "3")][..],
            "there is no option per_hots; did you mean per_host?",
        ),
        (
            &[("insecur", "-")],
            "there is no option insecur; haul --help",
        ),
        (
            &[("jobs", "0")],
            "invalid value '0' for jobs: it must be at least 1; ",
        ),
        (
            &[("per-host", "x")],
            "invalid value 'x' for per_host: it must be a whole",
        ),
        (&[("jobs", "-")], "jobs needs a value; "),
        (
            &[("robots", "maybe")],
            "robots: maybe is neither true nor false; ",
        ),
        (
            &[("exists", "skp")],
            "for exists: it is one of auto, skip, ",
        ),
        (&[("exists", "skp")], "; did you mean skip?"),
        (
            &[("user", "")],
            "invalid value for user: write USER:PASSWORD",
        ),
        (
            &[("ipv4", "-"), ("ipv6", "-")],
            "ipv6 cannot be used with ipv4; remove one",
        ),
        (
            &[("https_only", "-"), ("allow-downgrade", "-")],
            "allow_downgrade cannot be used with https_only",
        ),
        (
            &[("key", "k.pem")],
            "an option that was given needs cert <FILE>; give both",
        ),
        (
            &[("header", "@x")],
            "headers are not read from a file; give each with header",
        ),
        (
            &[("cookie", "x")],
            "cookie takes NAME=VALUE, and what was given has no =; to read a cookie file: load_cookies FILE",
        ),
        (
            &[("cacert", "/none/at/all")],
            "cacert: cannot read /none/at/all: No such file",
        ),
        (&[("proxy", "ftp://p")], "proxy: the scheme"),
        (
            &[("save_cookies", "/")],
            "cannot write the cookies to /: it is a folder",
        ),
        (
            &[
                ("checksum", "crc32c=00000000"),
                ("checksum", "crc32c=1a1a1a1a"),
            ],
            "checksum was given twice for crc32c",
        ),
    ] {
        let problem = refusal(given);
        let text = shown(&problem);
        assert!(text.contains(says), "{given:?}: {text}");
        assert!(!text.contains("caller"), "{text}");
        assert_eq!(problem.exit, Exit::Usage);
    }
}

#[test]
fn password_that_is_missing_is_not_asked_for() {
    let problem = refusal(&[("user", "me")]);
    assert_eq!(
        shown(&problem),
        "user me has no password; write user=\"NAME:PASSWORD\", or give it with user_file or netrc"
    );
    let problem = refusal(&[("proxy", "http://p:1"), ("proxy_user", "me")]);
    assert_eq!(
        shown(&problem),
        "proxy_user me has no password; write proxy_user=\"NAME:PASSWORD\""
    );
    let credentials = read(&[("user", "me:pw")]).run.credentials.unwrap();
    assert_eq!(
        (&credentials.user[..], &credentials.password[..]),
        (&b"me"[..], &b"pw"[..])
    );
}

#[test]
fn password_may_be_in_a_netrc_file() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "netrc", b"machine a login me password pw\n");
    let path = path.to_str().unwrap();
    let options = read(&[("user", "me"), ("netrc_file", path)]);
    assert!(options.run.netrc.is_some());
    let problem = refusal(&[("user", "you"), ("netrc_file", path)]);
    let says = format!("user you has no password, {path} has no entry of this user");
    assert_eq!(problem.message, says);
}

#[test]
fn standard_input_is_not_read() {
    for (name, value) in [
        ("user_file", "/dev/stdin"),
        ("load-cookies", "/dev/fd/0"),
        ("cacert", "/proc/self/fd/0"),
    ] {
        let message = refusal(&[(name, value)]).message;
        let keyword = keyword(name);
        assert_eq!(message, format!("{keyword}: standard input is not read"));
    }
    let dash = [("user-file".to_owned(), Some(OsString::from("-")))];
    assert!(options(None, &dash).is_err());
    for path in ["-", "/dev/stdin"] {
        let problem = list(Path::new(path), &[]).err().unwrap();
        assert_eq!(problem.message, "a list is not read from standard input");
    }
}

#[test]
fn destination_is_a_folder_or_memory() {
    let folder = read(&[]).run.destination;
    assert!(matches!(folder, Destination::Directory(path) if path == Path::new("x")));
    // A path need not be UTF-8.
    let name = Path::new(OsStr::from_bytes(b"\xFF"));
    let folder = options(Some(name), &[]).ok().unwrap().run.destination;
    assert!(matches!(folder, Destination::Directory(path) if path == name));
    let memory = options(None, &[]).ok().unwrap().run.destination;
    assert!(matches!(
        memory,
        Destination::Memory { limit } if limit == RunOptions::DEFAULT_MEMORY
    ));
}

#[test]
fn run_of_a_list_is_recorded_as_one() {
    let mut options = read(&[]);
    assert_eq!(options.run.state_dir, StateDir::RemoveWhenDone);
    options.record_list(Path::new("a.txt"));
    assert_eq!(options.run.state_dir, StateDir::Keep);
    assert_eq!(options.run.title, "a.txt");
}

#[test]
fn what_is_not_of_the_run_is_beside_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cookies.txt");
    let options = read(&[
        ("checksum", "crc32c=00000000"),
        ("no_wait", "-"),
        ("hash", "md5"),
        ("save_cookies", path.to_str().unwrap()),
        ("public_only", "-"),
        ("proxy", "http://p.example:1"),
    ]);
    assert_eq!(options.checksums[0].algorithm(), Algorithm::Crc32c);
    assert_eq!(options.when_busy, WhenBusy::Fail);
    assert_eq!(options.run.hashes, [Algorithm::Md5]);
    assert!(options.warnings[0].starts_with("public_only cannot check"));
    options.cookie_file.unwrap().save().unwrap();
    let saved = fs::read_to_string(&path).unwrap();
    assert!(saved.starts_with("# Netscape"), "{saved}");
    let plain = read(&[]);
    assert_eq!(plain.when_busy, WhenBusy::Wait);
    assert!(plain.cookie_file.is_none() && plain.warnings.is_empty());
}

#[test]
fn cookies_that_cannot_be_saved_are_a_problem_of_the_destination() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cookies.txt");
    let options = read(&[("save_cookies", path.to_str().unwrap())]);
    drop(folder);
    let problem = options.cookie_file.unwrap().save().unwrap_err();
    assert_eq!(problem.exit, Exit::Destination);
}

#[test]
fn configuration_is_not_read_but_proxies_are() {
    const NAME: &str = "embedded::tests::configuration_is_not_read_but_proxies_are";
    // Variables cannot be set in a process of many threads.
    if env::var_os("HAUL_JOBS").is_none() {
        let tests = env::current_exe().unwrap();
        let folder = TempDir::new().unwrap();
        let netrc = written(&folder, "netrc", b"machine a login me password pw\n");
        let ended = process::Command::new(tests)
            .args(["--exact", NAME])
            .env("NETRC", netrc)
            .env("HAUL_JOBS", "7")
            .env("HAUL_CONFIG", "/none/at/all")
            .env("http_proxy", "http://p.example:1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(
            ended.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let options = read(&[]);
    assert_eq!(options.engine.jobs, EngineOptions::DEFAULT_JOBS);
    assert!(options.run.route.proxies.http.is_some());
    assert!(options.given.is_empty() && options.run.netrc.is_none());
    for name in ["netrc", "netrc_optional"] {
        assert!(read(&[(name, "-")]).run.netrc.is_some(), "{name}");
    }
}

fn urls(list: ListFile) -> Vec<String> {
    let rows = list.rows.map(|row| row.unwrap().url().to_owned());
    rows.collect()
}

/// Makes a file, and returns its path.
fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let mut file = tempfile::Builder::new();
    let file = file.prefix(name).rand_bytes(0).tempfile_in(folder);
    let (mut file, path) = file.unwrap().keep().unwrap();
    file.write_all(bytes).unwrap();
    path
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn list_is_read_in_each_format() {
    let folder = TempDir::new().unwrap();
    let text = b"# two\nhttp://a.example/1\nhttp://a.example/2\n";
    let expected = ["http://a.example/1", "http://a.example/2"];
    let path = written(&folder, "a.txt", text);
    assert_eq!(urls(list(&path, &[]).ok().unwrap()), expected);
    let path = written(&folder, "a.gz", &packed(text));
    assert_eq!(urls(list(&path, &[]).ok().unwrap()), expected);
    let path = written(&folder, "a.zst", &zstd::encode_all(&text[..], 1).unwrap());
    assert_eq!(urls(list(&path, &[]).ok().unwrap()), expected);
    let sums = b"d41d8cd98f00b204e9800998ecf8427e  b.iso\n";
    let path = written(&folder, "MD5SUMS", sums);
    let base = pairs(&[("base_url", "http://a.example/x/"), ("jobs", "3")]);
    let rows = urls(list(&path, &base).ok().unwrap());
    assert_eq!(rows, ["http://a.example/x/b.iso"]);
    let problem = list(&path, &[]).err().unwrap();
    let text = shown(&problem);
    assert!(
        text.contains("base_url URL says") && text.contains("input_format text"),
        "{text}"
    );
    // As text, the line is no URL.
    let as_text = list(&path, &pairs(&[("input_format", "text")]))
        .ok()
        .unwrap();
    assert!(as_text.rows.map(|row| row.is_err()).eq([true]));
}

#[test]
fn list_that_cannot_be_used_says_why() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "a.txt", b"http://a.example/1\n");
    let problem = |path: &Path, given: &[(&str, &str)]| {
        let problem = list(path, &pairs(given)).err().unwrap();
        assert_eq!(problem.exit, Exit::Usage);
        shown(&problem)
    };
    let text = problem(Path::new("/none/at/all"), &[]);
    assert!(
        text.ends_with("No such file or directory; check the name of the list"),
        "{text}"
    );
    let rows = list(folder.path(), &[]).ok().unwrap().rows;
    assert_eq!(rows.count(), 1, "a folder is a list of its lists");
    let text = problem(&path, &[("base_url", "a/b")]);
    assert!(text.starts_with("base_url: \"a/b\" is not a URL"), "{text}");
    assert!(problem(&path, &[("base_ulr", "x")]).contains("did you mean base_url?"));
    let png = written(&folder, "a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    assert!(problem(&png, &[]).contains("as a list"));
}

#[test]
fn list_that_breaks_off_is_told_of() {
    let folder = TempDir::new().unwrap();
    let mut bytes = packed(b"http://a.example/1\nhttp://a.example/2\n");
    bytes.truncate(bytes.len() - 6);
    let path = written(&folder, "a.gz", &bytes);
    let list = list(&path, &[]).ok().unwrap();
    assert!(list.rows.count() <= 2);
    let error = list.broken.try_recv().unwrap();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().contains("a.gz"), "{error}");
}

#[test]
fn roots_of_a_file_are_read_at_once() {
    let folder = TempDir::new().unwrap();
    let path = written(&folder, "ca.pem", b"x");
    let options = read(&[("cacert", path.to_str().unwrap())]);
    fs::remove_file(&path).unwrap();
    let Roots::File(file) = options.run.route.tls.roots else {
        panic!("there is no file");
    };
    assert_eq!(file.path(), path);
}
