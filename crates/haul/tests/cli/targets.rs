//! Where `-o` puts the file, together with `-d`.

use origin::{Body, Origin, Script};

use crate::Sandbox;

fn files() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::ok(Body::of(request.path().to_owned()))
    });
    origin
}

#[test]
fn a_folder_gets_the_file_under_its_own_name() {
    let origin = files();
    let sandbox = Sandbox::new();
    let url = origin.url("/a.gif");
    for (output, file) in [
        ("dir/", "dir/a.gif"),
        ("deep/er/", "deep/er/a.gif"),
        ("here", "here/a.gif"),
        (".", "a.gif"),
    ] {
        if output == "here" {
            std::fs::create_dir(sandbox.path().join("here")).unwrap();
        }
        let ran = sandbox.haul(&["-o", output, &url]);
        assert_eq!(ran.code, Some(0), "{output}: {}", ran.stderr);
        assert_eq!(sandbox.read(file), "/a.gif", "{output}");
    }
    assert_eq!(
        sandbox.names("dir"),
        ["a.gif"],
        "the workspace went with the run"
    );
    assert_eq!(sandbox.names("."), ["a.gif", "deep", "dir", "here"]);
    let several = sandbox.haul(&["-o", "all/", &url, &origin.url("/b.gif")]);
    assert_eq!(several.code, Some(0), "{}", several.stderr);
    assert_eq!(sandbox.names("all"), ["a.gif", "b.gif"]);
}

#[test]
fn an_absolute_path_wins_over_the_destination() {
    let origin = files();
    let sandbox = Sandbox::new();
    let whole = |name: &str| sandbox.path().join(name).to_str().unwrap().to_owned();
    let url = origin.url("/a.gif");
    for (arguments, file) in [
        (vec!["-o".to_owned(), whole("x/one")], "x/one"),
        (
            vec!["-d".into(), "elsewhere".into(), "-o".into(), whole("two")],
            "two",
        ),
        (
            vec!["-d".into(), "y/z".into(), "-o".into(), "../three".into()],
            "y/three",
        ),
        (
            vec!["-d".into(), "y".into(), "-o".into(), "sub/four".into()],
            "y/sub/four",
        ),
    ] {
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push(&url);
        let ran = sandbox.haul(&arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        assert_eq!(sandbox.read(file), "/a.gif", "{arguments:?}");
    }
    assert!(!sandbox.has("elsewhere"));
    assert!(!sandbox.has(".haul") && !sandbox.has("y/.haul") && !sandbox.has("x/.haul"));
    let pattern = sandbox.haul(&["-o", &whole("flags/#1.gif"), &origin.url("/{fr,jp}.gif")]);
    assert_eq!(pattern.code, Some(0), "{}", pattern.stderr);
    assert_eq!(sandbox.names("flags"), ["fr.gif", "jp.gif"]);
}

#[test]
fn dev_null_takes_the_file_and_keeps_nothing() {
    let origin = files();
    let sandbox = Sandbox::new();
    let url = origin.url("/a.gif");
    let results = ["--results", "r.jsonl"];
    let ran = sandbox.haul(&[&["-o", "/dev/null", &url], &results[..]].concat());
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ran.stderr
    );
    assert_eq!(sandbox.rows("r.jsonl")[0]["bytes"], 6);
    assert_eq!(sandbox.names("."), ["r.jsonl"]);
    let wrong = sandbox.haul(&["-o", "/dev/null", "--checksum", "crc32c=00000000", &url]);
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    let stdout = sandbox.haul(&["-o", "/dev/stdout", &url]);
    assert_eq!((stdout.code, stdout.stdout.as_str()), (Some(0), "/a.gif"));
}

#[test]
fn a_list_never_leads_out_of_the_destination() {
    let origin = files();
    let sandbox = Sandbox::new();
    let url = origin.url("/a");
    sandbox.write(
        "list",
        &format!("{url}\tout=/tmp/haul-x\n{url}\tout=../x\n{url}\tout=/dev/null\n"),
    );
    let ran = sandbox.haul(&["-i", "list", "-d", "d"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(
        ran.stderr.matches("is absolute").count(),
        2,
        "{}",
        ran.stderr
    );
    assert!(!sandbox.has("x"));
}

#[test]
fn output_below_a_linked_folder_goes_there() {
    let origin = Origin::plain();
    origin.on("/f", Script::ok(Body::of("x")));
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path().join("disk")).unwrap();
    std::os::unix::fs::symlink("disk", sandbox.path().join("out")).unwrap();
    for (output, file) in [("out/x", "disk/x"), ("out/new/x", "disk/new/x")] {
        let ran = sandbox.haul(&["-o", output, &origin.url("/f")]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(sandbox.read(file), "x");
    }
}
