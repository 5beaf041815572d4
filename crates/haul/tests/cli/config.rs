//! The configuration file, the environment, and `haul config`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use origin::{Body, Origin, Proxy, Reaction, Script};

use crate::{Ran, Sandbox};

/// Makes the user's own configuration of a sandbox.
fn configure(sandbox: &Sandbox, text: &str) {
    sandbox.make("config/haul");
    sandbox.write("config/haul/config.toml", text);
    set_mode(sandbox, 0o600);
}

fn set_mode(sandbox: &Sandbox, mode: u32) {
    let path = sandbox.path().join("config/haul/config.toml");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn run(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CONFIG_HOME", sandbox.path().join("config"));
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

/// Returns the line of an option in what `haul config` prints; the folder of the sandbox is PLACE.
fn line(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)], option: &str) -> String {
    let ran = run(sandbox, &[&["config"][..], arguments].concat(), variables);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let is_its = |line: &&str| {
        line.trim_start_matches("# ")
            .split(' ')
            .next()
            .is_some_and(|name| name == option)
    };
    let line = ran.stdout.lines().find(is_its).unwrap();
    line.replace(sandbox.path().to_str().unwrap(), "PLACE")
}

#[test]
fn value_and_its_origin_are_shown_for_each_level() {
    let sandbox = Sandbox::new();
    assert_eq!(
        line(&sandbox, &[], &[], "per-host"),
        "# per-host is not set"
    );
    assert_eq!(line(&sandbox, &[], &[], "jobs"), "# jobs = 64");
    configure(&sandbox, "# mine\nper-host = 8\n");
    assert_eq!(
        line(&sandbox, &[], &[], "per-host"),
        "per-host = 8  # PLACE/config/haul/config.toml:2"
    );
    let variable = [("HAUL_PER_HOST", "4")];
    assert_eq!(
        line(&sandbox, &[], &variable, "per-host"),
        "per-host = 4  # HAUL_PER_HOST"
    );
    assert_eq!(
        line(&sandbox, &["--per-host", "2"], &variable, "per-host"),
        "per-host = 2  # --per-host"
    );
    assert_eq!(
        line(&sandbox, &["--no-config"], &[], "per-host"),
        "# per-host is not set"
    );
    let no_config = [("HAUL_NO_CONFIG", "1")];
    assert_eq!(
        line(&sandbox, &[], &no_config, "per-host"),
        "# per-host is not set"
    );
}

#[test]
fn secrets_are_not_printed() {
    let sandbox = Sandbox::new();
    configure(
        &sandbox,
        "user = 'me:secret'\n[host.'a.example']\nheader = ['X-Key: secret', 'Accept: text/html']\n",
    );
    let ran = run(&sandbox, &["config", "-H", "Cookie: secret"], &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
    for says in [
        "user = \"…\"",
        "header = [\"Cookie: …\"]",
        "[host.\"a.example\"]",
        "header = [\"X-Key: …\", \"Accept: text/html\"]",
    ] {
        assert!(ran.stdout.contains(says), "{}", ran.stdout);
    }
}

#[test]
fn url_shows_the_sections_of_its_host() {
    let sandbox = Sandbox::new();
    configure(
        &sandbox,
        "jobs = 8\n[host.'a.example']\nper-host = 1\n[host.'b.example']\nper-host = 2\n",
    );
    let ran = run(&sandbox, &["config", "https://a.example/x"], &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let (options, sections) = ran
        .stdout
        .split_once("# for https://a.example/x\n")
        .unwrap();
    assert!(options.contains("\njobs = 8  # "), "{options}");
    assert!(sections.contains("\nper-host = 1  # "), "{sections}");
    assert!(sections.contains("config.toml:3\n"), "{sections}");
    assert!(!ran.stdout.contains("b.example"), "{}", ran.stdout);
    let ran = run(&sandbox, &["config", "ftp://a.example/x"], &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
}

#[test]
fn configuration_that_cannot_be_used_ends_with_2() {
    let sandbox = Sandbox::new();
    for (text, says) in [
        (
            "\n\nper_hosts = 1",
            "config.toml:3: there is no option \"per_hosts\"\nhint: did you mean \"per-host\"?\n",
        ),
        (
            "jobs = 0",
            "config.toml:1: invalid value '0' for jobs: it must be at least 1",
        ),
        ("jobs = ", "config.toml:1:8: "),
        ("output = 'x'", "\"output\" is for one command line"),
    ] {
        configure(&sandbox, text);
        for arguments in [&["http://a.example/"][..], &["config"]] {
            let ran = run(&sandbox, arguments, &[]);
            assert_eq!(ran.code, Some(2), "{text}: {}", ran.stderr);
            assert!(ran.stderr.contains(says), "{text}: {}", ran.stderr);
            assert_eq!(ran.stdout, "");
        }
    }
    let ran = run(
        &sandbox,
        &["--no-config", "http://a.example/"],
        &[("HAUL_JOB", "1")],
    );
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("did you mean HAUL_JOBS?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn file_that_was_asked_for_must_exist() {
    let sandbox = Sandbox::new();
    for (arguments, variables) in [
        (&["--config", "missing.toml"][..], &[][..]),
        (&[], &[("HAUL_CONFIG", "missing.toml")]),
    ] {
        let ran = run(&sandbox, &[&["config"][..], arguments].concat(), variables);
        assert_eq!(ran.code, Some(2));
        let says = "cannot read missing.toml: No such file or directory";
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    sandbox.make("config/haul/config.toml");
    let ran = run(&sandbox, &["config"], &[]);
    assert_eq!(ran.code, Some(2), "a folder is no file: {}", ran.stdout);
    let ran = run(&sandbox, &["config", "--config", "x", "--no-config"], &[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
}

#[test]
fn file_is_found_in_the_home_folder_too() {
    let sandbox = Sandbox::new();
    sandbox.make(".config/haul");
    sandbox.write(
        ".config/haul/config.toml",
        "jobs = 5\ncacert = '~/ca.pem'\n",
    );
    let mut command = sandbox.command(&["config"]);
    command
        .env_remove("XDG_CONFIG_HOME")
        .env("HOME", sandbox.path());
    let ran: Ran = command.output().unwrap().into();
    assert!(ran.stdout.contains("\njobs = 5  # "), "{}", ran.stdout);
    let ca = sandbox.path().join("ca.pem");
    let cacert = format!("\ncacert = \"{}\"  # ", ca.display());
    assert!(ran.stdout.contains(&cacert), "{}", ran.stdout);
}

#[test]
fn file_that_others_can_change_is_told() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    configure(&sandbox, "user = 'me:secret'");
    for (mode, says) in [
        (0o600, &[][..]),
        (0o644, &["that any user can read; chmod 600"]),
        (0o666, &["any user can change", "that any user can read"]),
    ] {
        set_mode(&sandbox, mode);
        let ran = run(&sandbox, &["--exists", "overwrite", &origin.url("/a")], &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        for says in says {
            assert!(ran.stderr.contains(says), "{mode:o}: {}", ran.stderr);
        }
        assert_eq!(
            ran.stderr.matches("chmod").count(),
            says.len(),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn download_follows_the_file_and_its_sections() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let port = origin.address().port();
    configure(
        &sandbox,
        &format!(
            "dir = 'out'\nlayout = 'row'\nheader = 'X-All: 1'\n\
             [host.'127.0.0.1:{port}']\nheader = 'X-One: 1'\n\
             [host.'127.0.0.1']\nheader = 'X-Other: 1'\n"
        ),
    );
    let ran = run(&sandbox, &[&origin.url("/a")], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.names("out"), ["000000000"]);
    let log = origin.log();
    let has = |name: &str| log[0].headers.contains_key(name);
    assert!(
        has("x-all") && has("x-one") && !has("x-other"),
        "{:?}",
        log[0]
    );
}

#[test]
fn section_has_a_proxy_and_a_netrc_of_its_own() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    let port = origin.address().port();
    sandbox.write("netrc", "machine 127.0.0.1 login me password secret");
    let netrc = sandbox.path().join("netrc");
    let proxy = Proxy::http();
    configure(
        &sandbox,
        &format!(
            "proxy = '{}'\n[host.'127.0.0.1:{port}']\nproxy = ''\nnetrc-file = '{}'\n",
            proxy.url("http", ""),
            netrc.display()
        ),
    );
    let ran = run(&sandbox, &[&origin.url("/a")], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // RFC 7617: "me:secret".
    assert_eq!(
        origin.log()[0].headers["authorization"],
        "Basic bWU6c2VjcmV0"
    );
    assert_eq!(proxy.log().len(), 0);
    // Another host has the proxy, and no netrc.
    proxy.react([Reaction::Refuse(403)]);
    let ran = run(&sandbox, &["http://other.example/a"], &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        !proxy.log()[0]
            .head
            .to_lowercase()
            .contains("\nauthorization:")
    );
    configure(&sandbox, "[host.'a']\nproxy = 'ftp://me:hush@p'\n");
    let ran = run(&sandbox, &[&origin.url("/a")], &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("config.toml:1: proxy: "),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
}

#[test]
fn tests_see_nothing_of_the_users_own_configuration() {
    let ran = Sandbox::new().haul(&["config"]);
    let is_set = |line: &&str| !line.starts_with('#');
    assert_eq!(ran.stdout.lines().find(is_set), None);
    let sandbox = Sandbox::new();
    assert!(!Path::new(&sandbox.path().join("config")).exists());
}

#[test]
fn section_has_a_login_for_its_own_proxy() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("x")));
    let port = origin.address().port();
    let (own, other) = (Proxy::http(), Proxy::http());
    for proxy in [&own, &other] {
        proxy.know("own.test", origin.address().ip());
        proxy.know("other.test", origin.address().ip());
    }
    own.ask_for_login("me", "mine");
    other.ask_for_login("you", "yours");
    let sandbox = Sandbox::new();
    configure(
        &sandbox,
        &format!(
            "[host.'own.test:{port}']\nproxy = '{}'\nproxy-user = 'me:mine'\n",
            own.authority()
        ),
    );
    let urls = ["own", "other"].map(|name| format!("http://{name}.test:{port}/{name}"));
    let login = [
        ("http_proxy", other.authority()),
        ("HAUL_PROXY_USER", "you:yours".to_owned()),
    ];
    let login = login
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let ran = run(&sandbox, &[&urls[0], &urls[1]], &login);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (proxy, its) in [(&own, "Basic bWU6bWluZQ=="), (&other, "Basic eW91OnlvdXJz")] {
        assert_eq!(proxy.log().len(), 1);
        let head = &proxy.log()[0].head;
        assert!(head.contains(its), "{head}");
    }
    // Without one it is not tried with that of another proxy.
    configure(
        &sandbox,
        &format!("[host.'own.test:{port}']\nproxy = '{}'\n", own.authority()),
    );
    let ran = run(&sandbox, &["--exists", "replace", &urls[0]], &login);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    let sent = own.log().into_iter().map(|passed| passed.head);
    assert!(sent.into_iter().all(|head| !head.contains("eW91OnlvdXJz")));
    configure(&sandbox, "[host.'a']\nproxy-user = 'me:hush'\n");
    let ran = run(&sandbox, &[&urls[0]], &[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("\"proxy-user\" is for the proxy of the section"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
}
