use std::io::Write as _;

use clap::{ArgAction, Args as _, Command, CommandFactory as _};
use haulage::Request;
use tempfile::NamedTempFile;

use super::show::shown;
use super::*;
use crate::args::{Arguments, Logins};
use crate::command_line::{self, Read, Stop};
use crate::settings::Settings;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Reads a command line, with a file of this text.
fn read(line: &[&str], text: &str, variables: &[(&str, &str)]) -> Result<Read, Stop> {
    let file = file(text);
    let path = file.path().to_str().unwrap();
    let config = [("HAUL_CONFIG", path)];
    let variables = [&config[..], variables].concat();
    let words = std::iter::once("haul").chain(line.iter().copied());
    command_line::read(words.map(OsString::from), &Environment::of(&variables))
}

/// Returns the line of an option in what `haul config` prints, without its origin.
fn line_of(read: &Read, long: &str) -> String {
    let all = shown(&Keys::of(&read.command), &read.typed, &read.configured);
    let is_its = |line: &&str| {
        let line = line.trim_start_matches("# ").trim_start_matches('"');
        line.strip_prefix(long)
            .is_some_and(|rest| rest.trim_start_matches('"').starts_with(' '))
    };
    let line = all
        .lines()
        .find(is_its)
        .unwrap_or_else(|| panic!("{long} is missing"));
    let value = line.rsplit_once("  # ").map_or(line, |(value, _)| value);
    value.to_owned()
}

fn problems(result: Result<Read, Stop>) -> Vec<String> {
    match result {
        Err(Stop::Problems(problems)) => problems
            .into_iter()
            .map(|problem| match problem.hint {
                Some(hint) => format!("{}; {hint}", problem.message),
                None => problem.message,
            })
            .collect(),
        Err(Stop::Clap(error)) => vec![error.to_string()],
        Ok(_) => panic!("it was accepted"),
    }
}

/// What some option takes; the first that it accepts is tried.
const SAMPLES: [&str; 16] = [
    "7",
    "de",
    "text",
    "7s",
    "A: b",
    "me:pw",
    "a.example:80:10.0.0.1",
    "a.jsonl",
    "md5",
    "http://a.example:3128",
    "127.0.0.1",
    "1.2",
    "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "a=b",
    "127.0.0.1:9",
    "a.prom",
];

/// What must be typed, too, with some options.
const WITH: [(&str, &str); 3] = [
    ("key", "--cert=c.pem"),
    ("on-complete-fails", "--on-complete=true"),
    ("on-complete-jobs", "--on-complete=true"),
];

#[test]
fn every_option_can_be_set_in_each_place_to_the_same_effect() {
    let mut command = Arguments::command();
    command.build();
    for key in Keys::of(&command).iter() {
        let long = key.long.as_str();
        let argument = command
            .get_arguments()
            .find(|each| each.get_id() == key.id.as_str());
        let possible = argument.unwrap().get_possible_values();
        let last = possible.last().map(|value| value.get_name().to_owned());
        let samples = last.into_iter().chain(SAMPLES.map(str::to_owned));
        let on_line = |value: &str| match key.takes {
            Takes::Nothing => format!("--{long}"),
            _ => format!("--{long}={value}"),
        };
        let with = WITH.iter().find(|(known, _)| *known == long);
        let words = |first: &'static str| -> Vec<&str> {
            let with = with.map(|(_, with)| *with);
            std::iter::once(first).chain(with).collect()
        };
        let config = words("config");
        let url = words("http://a.example/");
        let accepted = |value: &String| {
            let typed = on_line(value);
            read(&[&config[..], &[typed.as_str()]].concat(), "", &[]).is_ok()
        };
        let Some(value) = samples.into_iter().find(accepted) else {
            panic!("{long} accepts no sample: add one to SAMPLES");
        };
        let (in_file, in_environment) = match key.takes {
            Takes::Nothing => (format!("\"{long}\" = true"), "1"),
            Takes::One => (format!("\"{long}\" = '{value}'"), value.as_str()),
            Takes::Several => (format!("\"{long}\" = ['{value}']"), value.as_str()),
        };
        let flag = read(
            &[&config[..], &[on_line(&value).as_str()]].concat(),
            "",
            &[],
        )
        .ok()
        .unwrap();
        let default = read(&["config"], "", &[]).ok().unwrap();
        let expected = line_of(&flag, long);
        assert_ne!(expected, line_of(&default, long), "{long}");
        assert!(!expected.starts_with('#'), "{expected}");
        let from_file = read(&config, &in_file, &[]).ok().unwrap();
        assert_eq!(line_of(&from_file, long), expected);
        let variable = [(&*key.variable(), in_environment)];
        let from_environment = read(&config, "", &variable).ok().unwrap();
        assert_eq!(line_of(&from_environment, long), expected);
        // The download gets it too, not only what is printed.
        let options = |read: &Read| format!("{:?}", read.arguments.download);
        let download = read(&url, &in_file, &[]).ok().unwrap();
        let typed = read(&[&url[..], &[on_line(&value).as_str()]].concat(), "", &[])
            .ok()
            .unwrap();
        assert_eq!(options(&download), options(&typed));
    }
}

#[test]
fn command_line_counts_more_than_environment_than_file_than_default() {
    for (long, default, file, environment, flag) in [
        ("jobs", "64", "1", "2", "3"),
        ("timeout", "\"30s\"", "1", "2", "3"),
        ("exists", "\"auto\"", "\"skip\"", "\"fail\"", "\"rename\""),
        ("max-size", "", "1", "2", "3"),
        ("robots", "false", "true", "false", "true"),
        ("quiet", "false", "true", "false", "true"),
    ] {
        let bare = |value: &str| value.trim_matches('"').to_owned();
        let in_file = format!("{long} = {file}");
        let name = format!("HAUL_{}", long.to_uppercase().replace('-', "_"));
        let variable = [(&*name, &*bare(environment))];
        let flag_word = match flag {
            "true" => format!("--{long}"),
            value => format!("--{long}={}", bare(value)),
        };
        let line = |words: &[&str], text: &str, variables: &[(&str, &str)]| {
            let words = [&["config"][..], words].concat();
            line_of(&read(&words, text, variables).ok().unwrap(), long)
        };
        let default = match default {
            "" => format!("# {long} is not set"),
            value => format!("# {long} = {value}"),
        };
        assert_eq!(line(&[], "", &[]), default);
        assert_eq!(line(&[], &in_file, &[]), format!("{long} = {file}"));
        assert_eq!(
            line(&[], &in_file, &variable),
            format!("{long} = {environment}")
        );
        let all = line(&[&flag_word], &in_file, &variable);
        assert_eq!(all, format!("{long} = {flag}"));
    }
}

#[test]
fn switch_can_be_turned_off_where_it_is_on_in_the_file() {
    let off = read(&["config", "--robots=false"], "robots = true", &[]);
    assert_eq!(line_of(&off.ok().unwrap(), "robots"), "robots = false");
    let off = read(&["config", "--robots", "--robots=false"], "", &[]);
    assert_eq!(line_of(&off.ok().unwrap(), "robots"), "robots = false");
    let on = read(&["config", "--robots=false", "--robots"], "", &[]);
    assert_eq!(line_of(&on.ok().unwrap(), "robots"), "robots = true");
    let off = read(&["config"], "robots = true", &[("HAUL_ROBOTS", "0")]);
    assert_eq!(line_of(&off.ok().unwrap(), "robots"), "robots = false");
}

#[test]
fn values_of_the_command_line_replace_all_of_the_file() {
    let text = "header = ['A: 1', 'B: 2']\nhash = ['md5', 'sha1']";
    let read = read(&["config", "--hash", "sha256"], text, &[])
        .ok()
        .unwrap();
    assert_eq!(line_of(&read, "hash"), "hash = [\"sha256\"]");
    assert_eq!(line_of(&read, "header"), "header = [\"A: …\", \"B: …\"]");
}

#[test]
fn what_cannot_be_used_with_a_stronger_value_is_left_out() {
    for (words, text, long, expected) in [
        (&["-6"][..], "ipv4 = true", "ipv4", "# ipv4 = false"),
        (&["-v"], "quiet = true", "quiet", "# quiet = false"),
        (
            &["--max-errors", "3"],
            "fail-early = true",
            "fail-early",
            "# fail-early = false",
        ),
        (
            &["--fail-early"],
            "max-errors = 3",
            "max-errors",
            "# max-errors is not set",
        ),
        (
            &["--allow-downgrade"],
            "https-only = true",
            "https-only",
            "# https-only = false",
        ),
        (
            &["--dry-run"],
            "results = 'a.jsonl'",
            "results",
            "# results is not set",
        ),
        (
            &["--dry-run"],
            "report = 'a.html'",
            "report",
            "# report is not set",
        ),
    ] {
        let words = [&["config"][..], words].concat();
        let read = read(&words, text, &[]).ok().unwrap();
        assert_eq!(line_of(&read, long), expected);
    }
    let both = read(&["config"], "ipv4 = true\nipv6 = true", &[]);
    let problems = problems(both);
    assert!(
        problems[0].contains(":2: ipv6 cannot be used with ipv4"),
        "{problems:?}"
    );
    let environment = [("HAUL_IPV6", "1")];
    let read = read(&["config"], "ipv4 = true", &environment).ok().unwrap();
    assert_eq!(line_of(&read, "ipv4"), "# ipv4 = false");
    assert_eq!(line_of(&read, "ipv6"), "ipv6 = true");
}

#[test]
fn values_are_checked_as_if_they_were_typed() {
    for (text, variable, says) in [
        (
            "\njobs = 0",
            None,
            ":2: invalid value '0' for jobs: it must be at least 1",
        ),
        (
            "timeout = 'soon'",
            None,
            ":1: invalid value 'soon' for timeout: write it as",
        ),
        (
            "exists = 'skp'",
            None,
            ":1: invalid value 'skp' for exists: it is one of auto, ",
        ),
        ("user = ''", None, ":1: invalid value for user: "),
        (
            "header = ['A: 1', 'secret']",
            None,
            ":1: invalid value for header: write it as",
        ),
        ("retries = -1", None, ":1: invalid value '-1' for retries"),
        (
            "",
            Some(("HAUL_JOBS", "x")),
            "HAUL_JOBS: invalid value 'x' for jobs: ",
        ),
        (
            "[host.'a b']\n",
            None,
            ":1: \"a b\" is not the name of a host",
        ),
        (
            "[host.a]\nper-host = 0",
            None,
            ":2: invalid value '0' for per-host: it must be",
        ),
        (
            "[host.a]\njobs = 1",
            None,
            ":2: \"jobs\" is for all hosts; put it above",
        ),
    ] {
        let variables: Vec<_> = variable.into_iter().collect();
        let problems = problems(read(&["http://a.example/"], text, &variables));
        assert!(problems[0].contains(says), "{text}: {problems:?}");
        assert!(!problems[0].contains("secret"), "{problems:?}");
    }
    let all = problems(read(&["config"], "jobs = 0\ntimeout = 'x'", &[]));
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn sections_of_hosts_arrive_unless_the_command_line_has_more_to_say() {
    let text = "per-host = 9\n[host.'a.example']\nper-host = 2\ndelay = '1s'\n\
                header = ['X-Key: 1', 'Authorization: x']\n[host.'*.b.example:*']\ndelay = 3";
    let settings = |words: &[&str], variables: &[(&str, &str)]| {
        let words = [&["http://a.example/"][..], words].concat();
        let read = read(&words, text, variables).ok().unwrap();
        let settings = Settings::new(&read.arguments.download, &read.configured.hosts);
        let settings = settings.unwrap();
        let limits = settings.engine.hosts.iter().map(|host| {
            let delay = host.delay.map(|delay| delay.as_secs());
            format!("{} {:?} {delay:?}", host.hosts, host.per_host)
        });
        let options = settings.options.hosts.iter().map(|host| {
            let names: Vec<_> = host.headers.keys().map(http::HeaderName::as_str).collect();
            names.join(" ")
        });
        (limits.collect::<Vec<_>>(), options.collect::<Vec<_>>())
    };
    let (limits, options) = settings(&[], &[]);
    let expected = ["a.example Some(2) Some(1)", "*.b.example:* None Some(3)"];
    assert_eq!(limits, expected);
    assert_eq!(options, ["x-key authorization", ""]);
    let (limits, options) = settings(&["--per-host=4", "-H", "x-key: 2"], &[]);
    assert_eq!(limits[0], "a.example None Some(1)");
    assert_eq!(options[0], "authorization");
    for line in ["--bearer-file=t", "--user-file=u"] {
        let read = read(&["config", "http://a.example/", line], text, &[]);
        let read = read.ok().unwrap();
        let section = format!(
            "{:?}",
            shown(&Keys::of(&read.command), &read.typed, &read.configured)
        );
        assert!(!section.contains("Authorization"), "{line}: {section}");
    }
    let (limits, options) = settings(&["-u", "me:pw"], &[("HAUL_DELAY", "5")]);
    assert_eq!(limits[0], "a.example Some(2) None");
    assert_eq!(options[0], "x-key");
}

#[test]
fn each_option_that_logs_in_counts_more_than_a_section() {
    let text = "[host.a]\nheader = 'Authorization: x'\nnetrc-file = 'n'\n";
    let section = |words: &[&str]| {
        let words = [&["config"][..], words].concat();
        let read = read(&words, text, &[]).ok().unwrap();
        let shown = shown(&Keys::of(&read.command), &read.typed, &read.configured);
        let (_, section) = shown.split_once("\n[host.").unwrap();
        ["Authorization", "netrc-file"].map(|what| section.contains(what))
    };
    assert_eq!(section(&[]), [true, true]);
    let options = Logins::augment_args(Command::new("haul"));
    let options: Vec<_> = options.get_arguments().collect();
    assert!(options.len() >= 6);
    for option in options {
        let long = option.get_long().unwrap();
        let word = match option.get_action() {
            ArgAction::SetTrue => format!("--{long}"),
            _ => format!("--{long}=me:pw"),
        };
        let left = section(&[&word]);
        let is_known = left == [false, true] || left == [true, false];
        assert!(is_known, "--{long} is missing in LOGINS: {left:?}");
    }
}

#[test]
fn sections_for_a_url_are_shown_without_what_counts_less() {
    let text = "[host.'*.example']\nper-host = 2\ndelay = '1s'\nnetrc = true\n\
                header = ['X-A: 1', 'X-B: 1']\n\
                [host.'a.example:*']\nper-host = 3\n\
                [host.'a.example']\nper-host = 4\nnetrc-file = 'n'\nheader = 'x-a: 2'\n";
    let read = read(&["config"], text, &[]).ok().unwrap();
    let shown = |url: &str| {
        let (mut text, request) = (String::new(), Request::new(url).unwrap());
        show::add_sections_for(&mut text, &request, &read.configured.hosts);
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.map(|line| line.split("  # ").next().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    let expected = [
        "# for http://a.example/x",
        "[host.\"a.example\"]",
        "per-host = 4",
        "netrc-file = \"n\"",
        "header = [\"x-a: …\"]",
        "[host.\"a.example:*\"]",
        "[host.\"*.example\"]",
        "delay = \"1s\"",
        "header = [\"X-B: …\"]",
    ];
    assert_eq!(shown("http://a.example/x"), expected);
    assert_eq!(
        shown("http://b.test/"),
        ["# no section is for http://b.test/"]
    );
}

#[test]
fn what_is_printed_is_a_file_with_the_same_values() {
    let text = "jobs = 8\nlayout = 'tree'\nhttp1.1 = true\nresolve = ['a:80:10.0.0.1']\n\
                user-agent = 'me \"x\"'\n[host.'a.example']\nper-host = 2\n";
    let print = |text: &str| {
        let read = read(&["config"], text, &[]).ok().unwrap();
        let shown = shown(&Keys::of(&read.command), &read.typed, &read.configured);
        let lines = shown.lines().map(|line| {
            let value = line.rsplit_once("  # ").map_or(line, |(value, _)| value);
            format!("{value}\n")
        });
        lines.collect::<String>()
    };
    let printed = print(text);
    assert!(printed.contains("\"http1.1\" = true\n"), "{printed}");
    assert_eq!(print(&printed), printed);
}

#[test]
fn only_a_file_with_secrets_must_not_be_readable() {
    for (text, has_secrets) in [
        ("jobs = 8", false),
        ("header = 'Accept-Language: zh'", false),
        ("header = 'X-Key: 1'", true),
        ("user = 'me:pw'", true),
        ("[host.a]\nheader = 'X-Key: 1'", true),
    ] {
        let read = read(&["config"], text, &[]).ok().unwrap();
        assert_eq!(read.configured.has_secrets(), has_secrets, "{text}");
    }
    let read = read(&["config"], "", &[("HAUL_USER", "me:pw")])
        .ok()
        .unwrap();
    assert!(!read.configured.has_secrets());
}

#[test]
fn other_commands_read_no_configuration() {
    let read = read(&["man"], "nonsense = 1", &[("HAUL_NONSENSE", "1")]);
    assert!(read.is_ok());
}
