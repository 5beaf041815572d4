//! Proxies, as the command line and the environment name them.

use origin::{Body, Origin, Proxy, Script};

use crate::option_files::pipe;
use crate::{Ran, Sandbox};

fn origin() -> Origin {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    origin
}

#[test]
fn environment_names_the_proxy_unless_the_command_line_does() {
    let (origin, proxy) = (origin(), Proxy::http());
    let url = origin.url("/a");
    let named = proxy.url("http", "");
    let variable = ("http_proxy", named.as_str());
    for (variables, arguments, passes) in [
        (&[variable][..], &[][..], true),
        (&[variable], &["-x", ""], false),
        (&[variable], &["--noproxy", "127.0.0.0/8"], false),
        (&[variable, ("no_proxy", "127.0.0.1")], &[], false),
        (
            &[variable, ("NO_PROXY", "127.0.0.1")],
            &["--noproxy", ""],
            true,
        ),
        (&[("HTTP_PROXY", &named)], &[], false),
        (&[("ALL_PROXY", &named)], &[], true),
        (&[("https_proxy", &named)], &[], false),
        (&[("http_proxy", "127.0.0.1:1")], &["-x", &named], true),
        (&[], &["--proxy", &named], true),
    ] {
        let before = proxy.log().len();
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(arguments);
        command.arg(&url).envs(variables.iter().copied());
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{variables:?}: {}", ran.stderr);
        let has_passed = proxy.log().len() > before;
        assert_eq!(has_passed, passes, "{variables:?} {arguments:?}");
    }
}

#[test]
#[cfg_attr(
    not(target_os = "linux"),
    ignore = "only Linux names the pipes of other processes"
)]
fn https_proxy_is_verified_as_the_environment_says() {
    let (origin, proxy) = (origin(), Proxy::https());
    let sandbox = Sandbox::new();
    sandbox.write("ca.pem", origin.ca_pem());
    let (url, named) = (origin.url("/a"), proxy.url("https", ""));
    let run = |arguments: &[&str], file: &str| -> Ran {
        let mut command = sandbox.command(&["--retries", "0", "--exists", "overwrite"]);
        command.args(arguments).arg(&url).env("SSL_CERT_FILE", file);
        command.output().unwrap().into()
    };
    let ran = run(&["-x", &named], "ca.pem");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // -k and --cacert are for servers.
    for arguments in [&["-k"][..], &["--cacert", "ca.pem"]] {
        let arguments = [arguments, &["-x", &named]].concat();
        assert_eq!(run(&arguments, "ca.pem").code, Some(0));
        let ran = run(&arguments, "none.pem");
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("SSL_CERT_FILE is none.pem"));
    }
    let ran = run(&["--cacert", "ca.pem", "-x", &named], "none.pem");
    assert!(ran.stderr.contains("--proxy-cacert FILE"), "{}", ran.stderr);
    let (_reader, path) = pipe(origin.ca_pem());
    let ran = run(&["-x", &named], &path);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Without an https proxy it is not needed.
    assert_eq!(run(&["--cacert", "ca.pem"], "none.pem").code, Some(0));
    let ran = run(
        &["-x", &named, "--proxy-cacert", "ca.pem", "-k"],
        "none.pem",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn login_of_the_proxy_is_shown_nowhere() {
    let (origin, proxy) = (origin(), Proxy::http());
    proxy.ask_for_login("me", "right");
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    let address = proxy.authority();
    let arguments = ["-v", "-x", &address, "--results", "r.jsonl", &url];
    for (user, says) in [
        ("me:hush", "check the user and the password (--proxy-user)"),
        ("me:right", "saved a"),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--proxy-user", user]);
        let ran = sandbox.haul(&arguments);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        let told = format!("{}{}{}", ran.stdout, ran.stderr, sandbox.read("r.jsonl"));
        for secret in ["hush", "right", "bWU6"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn variable_that_is_no_proxy_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["http://127.0.0.1:1/a"]);
    command.env("http_proxy", "quic://me:hush@h");
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr.contains("http_proxy: the scheme"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("-x ''"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hush"), "{}", ran.stderr);
}

#[test]
fn exception_without_effect_is_refused_or_told() {
    let (origin, proxy) = (origin(), Proxy::http());
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    let ran = sandbox.haul(&["-x", &proxy.authority(), "--noproxy", "a,127.*", &url]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let says = "\"127.*\" matches no host; for a block of addresses, write 127.0.0.0/8";
    assert!(
        ran.stderr.contains(&format!("--noproxy: {says}")),
        "{}",
        ran.stderr
    );
    for (variable, is_told) in [
        ("NO_PROXY", true),
        ("no_proxy", true),
        ("http_proxy", false),
    ] {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-x", &proxy.authority(), &url]);
        command.env(variable, "127.*,x");
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let told = ran.stderr.matches(says).count();
        assert_eq!(told, usize::from(is_told), "{}", ran.stderr);
    }
    // Without a proxy it does no harm.
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&[&url]);
    command.env("no_proxy", "127.*");
    let ran: Ran = command.output().unwrap().into();
    assert!(!ran.stderr.contains("127.*"), "{}", ran.stderr);
}

#[test]
fn public_only_that_is_not_enforced_is_told_even_quietly() {
    let (origin, proxy) = (origin(), Proxy::http());
    let port = origin.address().port();
    proxy.know("elsewhere.test", origin.address().ip());
    let url = format!("http://elsewhere.test:{port}/a");
    for arguments in [&["-q"][..], &[], &["-q", "--progress", "json"]] {
        let sandbox = Sandbox::new();
        let mut arguments = arguments.to_vec();
        let named = proxy.authority();
        arguments.extend(["--public-only", "-x", &named, &url]);
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let says = format!("--public-only cannot check the hosts that proxy {named} looks up");
        assert!(ran.stderr.contains(&says), "{arguments:?} {}", ran.stderr);
    }
}

#[test]
fn dead_proxy_is_blamed_and_no_server() {
    let (origin, proxy) = (origin(), Proxy::http());
    proxy.stop_listening();
    let sandbox = Sandbox::new();
    let authority = proxy.authority();
    let ran = sandbox.haul(&[
        "-v",
        "--retry-max-time",
        "0.5",
        "-x",
        &authority,
        &origin.url("/a"),
    ]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for says in [
        format!("proxy {authority} refused the connection"),
        format!("waits  proxy {authority}: no requests for"),
        "the proxy has been in trouble for 0.5 s (--retry-max-time)".to_owned(),
    ] {
        assert!(ran.stderr.contains(&says), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("waits  127"), "{}", ran.stderr);
}

#[test]
fn response_407_without_a_proxy_has_advice() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(407));
    let ran = Sandbox::new().haul(&[&origin.url("/a")]);
    assert!(
        ran.stderr.contains("give it with -x and --proxy-user"),
        "{}",
        ran.stderr
    );
}
