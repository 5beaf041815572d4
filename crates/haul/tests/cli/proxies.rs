//! Proxies, as the command line and the environment name them.

use origin::{Body, Origin, Proxy, Script};

use crate::{Place, Ran};

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
        let place = Place::new();
        let mut command = place.command(arguments);
        command.arg(&url).envs(variables.iter().copied());
        let ran: Ran = command.output().unwrap().into();
        assert_eq!(ran.code, Some(0), "{variables:?}: {}", ran.stderr);
        let has_passed = proxy.log().len() > before;
        assert_eq!(has_passed, passes, "{variables:?} {arguments:?}");
    }
}

#[test]
fn login_of_the_proxy_is_shown_nowhere() {
    let (origin, proxy) = (origin(), Proxy::http());
    proxy.ask_for_login("me", "right");
    let place = Place::new();
    let url = origin.url("/a");
    let address = proxy.authority();
    let arguments = ["-v", "-x", &address, "--results", "r.jsonl", &url];
    for (user, says) in [
        ("me:hush", "check the user and the password (--proxy-user)"),
        ("me:right", "saved a"),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--proxy-user", user]);
        let ran = place.haul(&arguments);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        let told = format!("{}{}{}", ran.stdout, ran.stderr, place.read("r.jsonl"));
        for secret in ["hush", "right", "bWU6"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn variable_that_is_no_proxy_is_refused_by_name() {
    let place = Place::new();
    let mut command = place.command(&["http://127.0.0.1:1/a"]);
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
