//! `haul check`: files are compared with what is known of them.

use std::process::Command;

use origin::{Body, Origin, Script};

use crate::Sandbox;

/// A list of five files of 1 KiB in `list.txt`, of which one is not on the server.
fn downloaded(arguments: &[&str]) -> (Origin, Sandbox) {
    let origin = Origin::plain();
    for at in 0..4 {
        let body = format!("{at}").repeat(1024);
        origin.on(&format!("/{at}"), Script::ok(Body::of(body)));
    }
    let sandbox = Sandbox::new();
    let urls: Vec<_> = (0..5).map(|at| origin.url(&format!("/{at}"))).collect();
    sandbox.write("list.txt", &urls.join("\n"));
    let ran = sandbox.haul(&[&["-q", "-d", "out", "-i", "list.txt"], arguments].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    (origin, sandbox)
}

#[test]
fn damaged_and_missing_files_are_listed_and_can_be_downloaded_again() {
    let (origin, sandbox) = downloaded(&["--hash", "sha256"]);
    let ran = sandbox.haul(&["check", "out"]);
    let url = origin.url("/4");
    let failed =
        format!("# {url} failed: the server answered 404 Not Found; check the URL\n{url}\n");
    assert_eq!(
        (ran.code, &ran.stdout),
        (Some(1), &failed),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("4 right (4.0 KiB; 4 by a checksum), 0 wrong, 0 missing, 1 failed"),
        "{}",
        ran.stderr
    );
    // One byte, so that the length is the same.
    sandbox.write("out/0", &("x".to_owned() + &"0".repeat(1023)));
    sandbox.write("out/1", "short");
    std::fs::remove_file(sandbox.path().join("out/2")).unwrap();
    let ran = sandbox.haul(&["check", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for says in [
        "# 0 has the wrong sha256: ",
        "# 1 has 5 bytes instead of 1024",
        "# 2 is missing",
        "\tout=1\tsha256=",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    assert!(
        ran.stderr
            .contains("1 right (1.0 KiB; 1 by a checksum), 2 wrong, 1 missing")
    );
    sandbox.write("wrong.txt", &ran.stdout);
    origin.on("/4", Script::ok(Body::of("now it is there")));
    let ran = sandbox.haul(&[
        "-q",
        "-d",
        "out",
        "-i",
        "wrong.txt",
        "--exists",
        "overwrite",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(sandbox.read("out/0"), "0".repeat(1024));
    assert_eq!(sandbox.haul(&["check", "out"]).code, Some(0));
}

#[test]
fn a_list_says_what_its_files_should_be() {
    let (origin, sandbox) = downloaded(&[]);
    let sum = "d41d8cd98f00b204e9800998ecf8427e";
    sandbox.write(
        "list.csv",
        &format!(
            "url,name,checksum,size\n{0}/0,,,1024\n{0}/1,,,1023\n{0}/2,,{sum},\n{0}/3,sub/x,,\nnonsense,,,\n",
            origin.url("")
        ),
    );
    let before = origin.log().len();
    let ran = sandbox.haul(&["check", "list.csv", "-d", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for says in [
        "# 1 has 1024 bytes instead of 1023",
        "# 2 has the wrong md5",
        "# sub/x is missing",
    ] {
        assert!(ran.stdout.contains(says), "{says}: {}", ran.stdout);
    }
    for says in [
        "cannot check nonsense",
        "1 right",
        "2 wrong, 1 missing; 1 without",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    assert_eq!(origin.log().len(), before, "nothing is requested");
}

#[test]
fn a_metalink_says_which_pieces_are_damaged() {
    let sandbox = Sandbox::new();
    let pieces = [
        "74b87337454200d4d33f80c4663dc5e5",
        "65ba841e01d6db7733e90a5b7f9e6f80",
        "e0323a9039add2978bf5b49550572c7c",
    ];
    let hashes = pieces.map(|hash| format!("<hash>{hash}</hash>")).concat();
    let metalink = format!(
        "<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"a.iso\"><size>10</size>\
         <pieces length=\"4\" type=\"md5\">{hashes}</pieces><url>http://h.example/a.iso</url></file></metalink>"
    );
    sandbox.write("a.meta4", &metalink);
    for (bytes, code, says) in [
        ("aaaabbbbcc", 0, ""),
        (
            "aaaabXbbcX",
            1,
            "# a.iso has 6 B in damaged pieces: bytes 4-9\n",
        ),
        (
            "Xaaabbbbcc",
            1,
            "# a.iso has 4 B in damaged pieces: bytes 0-3\n",
        ),
        ("aaaabbbbc", 1, "# a.iso has 9 bytes instead of 10\n"),
    ] {
        sandbox.write("a.iso", bytes);
        let ran = sandbox.haul(&["check", "a.meta4"]);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(ran.stdout.starts_with(says), "{}", ran.stdout);
    }
}

#[test]
fn a_list_is_fetched_if_it_is_a_url() {
    let (origin, sandbox) = downloaded(&[]);
    let list = format!(
        "{}\tmd5=d41d8cd98f00b204e9800998ecf8427e\n",
        origin.url("/0")
    );
    origin.on("/list", Script::ok(Body::of(list)));
    let ran = sandbox.haul(&["check", &origin.url("/list"), "-d", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("# 0 has the wrong md5"),
        "{}",
        ran.stdout
    );
    let ran = sandbox.haul(&["check", &origin.url("/nothing"), "-d", "out"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("cannot fetch the list"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_file_is_not_read() {
    let (_origin, sandbox) = downloaded(&["--hash", "sha256"]);
    std::fs::remove_file(sandbox.path().join("out/2")).unwrap();
    let pipe = sandbox.path().join("out/2");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let ran = sandbox.haul(&["check", "out"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let says = "# 2 is there, but is no file";
    assert!(ran.stdout.contains(says), "{}", ran.stdout);
}

#[test]
fn a_list_that_cannot_all_be_checked_ends_with_1() {
    let sandbox = Sandbox::new();
    sandbox.write("a", "");
    sandbox.write("list.txt", "http://h.example/a\nnonsense\n");
    let ran = sandbox.haul(&["check", "list.txt"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 without a file to check"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_checked_says_why() {
    let sandbox = Sandbox::new();
    sandbox.make("empty");
    let ran = sandbox.haul(&["check", "empty"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing is recorded"), "{}", ran.stderr);
    let ran = sandbox.haul(&["check", "nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot read nowhere"), "{}", ran.stderr);
}
