use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use crate::args::Download;
use crate::command_line::{self, Stop};

fn words(line: &str) -> impl Iterator<Item = OsString> {
    std::iter::once("haul")
        .chain(line.split(' '))
        .map(OsString::from)
}

fn accepted(line: &str) -> Download {
    match command_line::parse(words(line)) {
        Ok(arguments) => arguments.download,
        Err(stop) => panic!("{line}: {stop:?}"),
    }
}

/// Returns what a refused line says: each answer, with its hint.
fn answers(line: &str) -> Vec<String> {
    let Err(Stop::Problems(problems)) = command_line::parse(words(line)) else {
        panic!("{line} was not answered");
    };
    let text = |problem: crate::exit::Problem| match problem.hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message,
    };
    problems.into_iter().map(text).collect()
}

#[test]
fn what_haul_does_anyway_is_accepted_and_ignored() {
    for line in [
        "-L",
        "-O",
        "-LO",
        "-OL",
        "-c",
        "--continue",
        "--continue=true",
        "-C -",
        "-C-",
        "--continue-at -",
        "--continue-at=-",
        "-nc",
        "--no-clobber",
        "-Z",
        "--parallel",
        "-f",
        "--fail",
        "-sS",
        "-S",
        "--location",
        "--remote-name",
        "--remote-name-all",
        "--create-dirs",
        "-#",
        "-fsSL",
        "-sSfL",
        "-fsSLO",
        "-LsO",
        "-Ss",
        "-LOs",
        "--tlsv1.2",
        "-R",
        "--file-allocation=none",
        "-LOC -",
        "-nd",
    ] {
        let download = accepted(&format!("{line} http://a/"));
        assert_eq!(download.urls, ["http://a/"], "{line}");
        let after = accepted(&format!("http://a/ {line}"));
        assert_eq!(after.urls, ["http://a/"], "{line}");
    }
    assert!(accepted("-qL http://a/").quiet);
    assert!(accepted("-LqO http://a/").quiet);
    assert_eq!(accepted("-Lo x http://a/").output.as_deref(), Some("x"));
    assert_eq!(accepted("-fsSLo x http://a/").output.as_deref(), Some("x"));
    assert_eq!(accepted("-fLox http://a/").output.as_deref(), Some("x"));
}

#[test]
fn options_of_ours_arrive_as_they_were_typed() {
    let download = accepted("-gqk -d x -o y -j 4 -s16 -A z -u a:b --quiet=true http://a/");
    assert!(download.globoff && download.insecure && download.quiet);
    assert_eq!((download.jobs, download.split), (4, 16));
    assert_eq!(download.output.as_deref(), Some("y"));
    assert_eq!(accepted("-j 2 -vv -j 3 http://a/").jobs, 3);
    assert_eq!(accepted("-H a:1 -H b:2 http://a/").headers.len(), 2);
    assert_eq!(accepted("-s 16 http://a/").split, 16);
    assert_eq!(accepted("-s=16 http://a/").split, 16);
    assert_eq!(accepted("-qs 16 http://a/").split, 16);
    assert_eq!(accepted("-H X:1 -- http://a/").urls, ["http://a/"]);
    let cookies = accepted("-b a=1 -qb b=http://b/ --cookie=c=3 http://a/").cookies;
    assert_eq!(cookies, ["a=1", "b=http://b/", "c=3"]);
}

#[test]
fn a_path_that_is_not_utf_8_arrives() {
    let folder = OsString::from_vec(vec![b'a', 0xff]);
    let words = [
        "haul".into(),
        "-d".into(),
        folder.clone(),
        "http://a/".into(),
    ];
    assert_eq!(
        command_line::parse(words).unwrap().download.directory,
        folder
    );
}

#[test]
fn other_options_are_answered_with_the_equivalent() {
    for (line, answer) in [
        ("-x16 http://a/", r#"-x16 is "-s 16 --per-host 16" here"#),
        ("-x 16 http://a/", r#"-x 16 is "-s 16 --per-host 16" here"#),
        ("-k1M http://a/", r#"-k1M is "--min-split-size 1M" here"#),
        ("-k 1M http://a/", r#"-k 1M is "--min-split-size 1M" here"#),
        ("-nv http://a/", r#"-nv is "--progress plain" here"#),
        (
            "--no-verbose http://a/",
            r#"--no-verbose is "--progress plain" here"#,
        ),
        ("-n4 http://a/", r#"-n4 is "-s 4 --per-host 4" here"#),
        ("-O- http://a/", r#"-O- is "-o -" here"#),
        ("-O - http://a/", r#"-O - is "-o -" here"#),
        ("-qO- http://a/", r#"-O- is "-o -" here"#),
        ("-qO - http://a/", r#"-O - is "-o -" here"#),
        ("-O x.iso http://a/", r#"-O x.iso is "-o x.iso" here"#),
        ("http://a/ -O x.iso", r#"-O x.iso is "-o x.iso" here"#),
        ("-O/tmp/x http://a/", r#"-O/tmp/x is "-o /tmp/x" here"#),
        ("-P dir http://a/", r#"-P dir is "-d dir" here"#),
        ("-Pdir http://a/", r#"-Pdir is "-d dir" here"#),
        (
            "--output-dir=dir http://a/",
            r#"--output-dir=dir is "-d dir" here"#,
        ),
        (
            "--directory-prefix http://a/",
            "--directory-prefix http://a/ is \"-d http://a/\" here",
        ),
        (
            "--retry 10 http://a/",
            r#"--retry 10 is "--retries 10" here"#,
        ),
        ("--retry", r#"--retry is "--retries N" here"#),
        ("--tries=5 http://a/", r#"--tries=5 is "--retries 5" here"#),
        (
            "-t 5 http://a/",
            "-t: wget's -t is --retries N here, and aria2c's is --timeout SECONDS",
        ),
        (
            "--max-tries=5 http://a/",
            r#"--max-tries=5 is "--retries 5" here"#,
        ),
        ("-T 5 http://a/", r#"-T 5 is "--timeout 5" here"#),
        ("-w 2 http://a/", r#"-w 2 is "--delay 2" here"#),
        ("--wait=2 http://a/", r#"--wait=2 is "--delay 2" here"#),
        ("-U me http://a/", r#"-U me is "-A me" here"#),
        (
            "-m 60 http://a/",
            "-m: curl's -m is --max-time SECONDS here, and aria2c's is --retries N",
        ),
        ("-N http://a/", r#"-N is "--exists refresh" here"#),
        ("-J http://a/", r#"-J is "--content-disposition" here"#),
        ("-LOJ http://a/", r#"-J is "--content-disposition" here"#),
        (
            "--remote-header-name http://a/",
            r#"--remote-header-name is "--content-disposition" here"#,
        ),
        (
            "--max-concurrent-downloads=5 -i x",
            r#"--max-concurrent-downloads=5 is "-j 5" here"#,
        ),
        (
            "--parallel-max 5 -i x",
            r#"--parallel-max 5 is "-j 5" here"#,
        ),
        (
            "--max-connection-per-server=8 -i x",
            r#"--max-connection-per-server=8 is "-s 8 --per-host 8" here"#,
        ),
        ("--input-file x", r#"--input-file x is "-i x" here"#),
        (
            "--allow-overwrite=true http://a/",
            r#"--allow-overwrite=true is "--exists overwrite" here"#,
        ),
        ("--silent http://a/", r#"--silent is "-q" here"#),
        (
            "--ca-certificate=a.pem http://a/",
            r#"--ca-certificate=a.pem is "--cacert a.pem" here"#,
        ),
        ("--out a(1) http://a/", r#"--out a(1) is "-o 'a(1)'" here"#),
        ("--url http://a/", r#"--url http://a/ is "http://a/" here"#),
        (
            "--certificate=c.pem http://a/",
            r#"--certificate=c.pem is "--cert c.pem" here"#,
        ),
        (
            "--cookie-jar c.txt http://a/",
            r#"--cookie-jar c.txt is "--save-cookies c.txt" here"#,
        ),
    ] {
        assert_eq!(answers(line), [answer], "{line}");
    }
}

#[test]
fn what_haul_cannot_do_is_said_plainly() {
    for (line, says) in [
        ("--socks5 p:1 http://a/", "socks5h://"),
        ("--http-proxy=p:1 http://a/", "one proxy for http and https"),
        ("--proxy-insecure http://a/", "--proxy-cacert FILE"),
        ("--no-proxy http://a/", "-x ''"),
        ("-x http://a/", "wget's -x use --layout tree"),
        ("--no-check-certificate http://a/", "--cacert"),
        ("--check-certificate=false http://a/", "--cacert"),
        ("--junk-session-cookies http://a/", "session cookies"),
        ("-b http://a/", "foreground"),
        ("--max-download-limit=1M http://a/", "--limit-rate RATE"),
        (
            "--no-proxy=a.example,b http://a/",
            "\"--noproxy a.example,b\" here",
        ),
        ("-e robots=off http://a/", "only with --robots"),
        ("-R gif,jpg http://a/", "does not follow"),
        ("-r http://a/", "does not follow"),
        ("-r 0-99 http://a/", "whole files"),
        ("-m http://a/", "does not follow"),
        ("-I http://a/", "HEAD"),
        ("-X POST http://a/", "only downloads"),
        ("-T file http://a/", "only downloads"),
        ("-a log http://a/", "standard error"),
        ("-D http://a/", "foreground"),
        ("-D headers http://a/", "response headers"),
        ("-w %{http_code} http://a/", "--results FILE.jsonl"),
        ("--netrc-path=x http://a/", "--netrc-file x"),
        ("--oauth2-bearer T0KEN http://a/", "--bearer-file FILE"),
        ("--token T0KEN http://a/", "--bearer-file FILE"),
        ("--threads 4 http://a/", "-j 4"),
        ("--ntlm http://a/", "Digest"),
        ("-C 1000 http://a/", "resumes by itself"),
        ("--continue-at 1000 http://a/", "resumes by itself"),
        ("--start-pos=1000 http://a/", "resumes by itself"),
        ("-s http://a/", "use -q"),
        ("http://a/ -s", "use -q"),
        ("--no-location http://a/", "--max-redirects 0"),
        ("--continue=false http://a/", "--exists overwrite"),
        ("-4x http://a/", "--layout tree"),
        ("-E http://a/", "extensions"),
        ("--pass x http://a/", "openssl pkey"),
        ("-j --quiet http://a/", "-jVALUE"),
        ("--jobs -4 http://a/", "--jobs=VALUE"),
    ] {
        let answers = answers(line);
        assert!(
            answers.len() == 1 && answers[0].contains(says),
            "{line}: {answers:?}"
        );
    }
    let password = answers("--http-passwd=secret http://a/");
    assert!(!password[0].contains("secret"), "{password:?}");
}

#[test]
fn each_option_of_a_line_is_answered_at_once() {
    let found = answers("-x16 -s16 -k1M --file-allocation=none -c -j5 --retry-wait=3 http://a/");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn typing_errors_are_told_apart_from_other_words() {
    for (line, says) in [
        ("--exsits skip http://a/", "did you mean --exists?"),
        ("--retires 3 http://a/", "did you mean --retries?"),
        ("--jbos=3 http://a/", "did you mean --jobs?"),
        ("--insecur http://a/", "--help lists"),
        ("--allow-downgrad http://a/", "--help lists"),
        (
            "--frobnicate http://a/",
            "there is no option --frobnicate; haul --help lists",
        ),
        ("--no-compressed http://a/", "--compressed=false"),
        ("-y2z http://a/", "--lowest-speed"),
        ("-= http://a/", "there is no option -="),
        ("-ä http://a/", "there is no option -ä"),
    ] {
        let answers = answers(line);
        assert!(
            answers.len() == 1 && answers[0].contains(says),
            "{line}: {answers:?}"
        );
    }
}

#[test]
fn an_option_without_its_value_says_which_there_are() {
    for (line, says) in [
        (
            "--retry-failed -d x http://a/",
            "--retry-failed needs a value, one of all, transient, none",
        ),
        ("--jobs -d x http://a/", "write --jobs=VALUE"),
        ("-j -d x http://a/", "write -jVALUE"),
    ] {
        let answers = answers(line);
        assert!(
            answers.len() == 1 && answers[0].contains(says),
            "{line}: {answers:?}"
        );
    }
}

#[test]
fn subcommands_have_their_own_options_alone() {
    assert!(answers("results . --stauts failed")[0].contains("did you mean --status?"));
    assert!(answers("results . -L")[0].contains("there is no option -L"));
    assert!(answers("demo --exists skip")[0].contains("there is no option --exists"));
    assert!(command_line::parse(words("results . --status failed --format text")).is_ok());
    assert!(command_line::parse(words("demo -d x")).is_ok());
}

#[test]
fn no_answer_names_a_less_secure_setting() {
    for name in super::table::names() {
        for text in answers_of(name) {
            for word in ["--insecure", " -k", "--allow-downgrade"] {
                assert!(!text.contains(word), "{name}: {text}");
            }
        }
    }
}

fn answers_of(name: &str) -> Vec<String> {
    match command_line::parse(words(&format!("{name} 1 http://a/"))) {
        Err(Stop::Problems(problems)) => problems
            .into_iter()
            .map(|problem| problem.message)
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_haul_does_not_do_can_be_switched_off() {
    for line in [
        "--allow-overwrite=false http://a/",
        "--enable-dht=false http://a/",
        "--check-integrity=false http://a/",
        "--quiet=false http://a/",
        "-ctrue http://a/",
        "-Ztrue http://a/",
    ] {
        assert_eq!(accepted(line).urls, ["http://a/"], "{line}");
    }
    for (line, answer) in [
        (
            "--continue=false http://a/",
            "--continue=false: haul resumes",
        ),
        ("-cfalse http://a/", "-c=false"),
        ("--auto-file-renaming=false http://a/", "--exists fail"),
        ("--reuse-uri=false http://a/", "leave it out"),
        ("-tall http://a/", "--retries N"),
    ] {
        let told = answers(line).concat();
        assert!(told.contains(answer), "{line}: {told}");
    }
}

#[test]
fn an_equals_sign_may_stand_before_the_value_of_a_letter() {
    for (line, answer) in [
        ("-x=16 http://a/", "-s 16 --per-host 16"),
        ("-k=1M http://a/", "--min-split-size 1M"),
        ("-P=dir http://a/", "-d dir"),
    ] {
        assert!(answers(line).concat().contains(answer), "{line}");
    }
    assert_eq!(accepted("-OC- http://a/").urls, ["http://a/"]);
    assert_eq!(accepted("-LOC- http://a/").urls, ["http://a/"]);
}

#[test]
fn secrets_are_not_repeated() {
    for line in [
        "-U me:hush http://a/",
        "-Ume:hush http://a/",
        "--proxy-digest-user me:hush http://a/",
        "--http-proxy-passwd=hush http://a/",
        "--all-proxy-nonsense=hush http://a/",
        "-B http://me:hush@a/ http://a/",
        "--url=http://me:hush@a/",
    ] {
        let told = answers(line).concat();
        assert!(!told.contains("hush"), "{line}: {told}");
    }
}

#[test]
fn an_unknown_option_of_a_subcommand_names_its_help() {
    for (line, help) in [
        ("results --foo x", "haul results --help"),
        ("demo -x16", "haul demo --help"),
        ("--foo http://a/", "haul --help"),
    ] {
        assert!(answers(line).concat().contains(help), "{line}");
    }
}
