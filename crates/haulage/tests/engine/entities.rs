//! Two entities of one length, and what every test that goes on with a file looks at.

use haulage::{Request, Row, RowLocation};
use origin::{Body, LoggedRequest, Origin, Script};

use crate::sandbox::Sandbox;

pub(crate) const LENGTH: u64 = 4 << 20;
/// Where a response breaks off.
pub(crate) const BREAK: u64 = 1 << 20;

pub(crate) fn a() -> Body {
    Body::seeded(1, LENGTH)
}

/// Another entity of the same length.
pub(crate) fn b() -> Body {
    Body::seeded(2, LENGTH)
}

/// The first of them, as its server gives it that knows ranges.
pub(crate) fn entity() -> Script {
    Script::entity(a(), "\"a\"")
}

pub(crate) fn broken(script: Script) -> Script {
    script.close_at(BREAK)
}

pub(crate) fn header<'a>(asked: &'a LoggedRequest, name: &str) -> &'a str {
    let value = asked.headers.get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// The Range of each request so far.
pub(crate) fn ranges(origin: &Origin) -> Vec<String> {
    let log = origin.log();
    let log = log.iter().filter(|asked| !asked.path.starts_with("/to"));
    log.map(|asked| header(asked, "range").to_owned()).collect()
}

/// Asserts that a destination has this body as its one file, and nothing else.
#[track_caller]
pub(crate) fn assert_is(sandbox: &Sandbox, body: &Body) {
    assert!(
        sandbox.read("file") == body.bytes(),
        "the file is another one"
    );
    assert_eq!(sandbox.names(), ["file"]);
}

/// A row of a list, which leaves its state.
#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
pub(crate) fn listed(url: &str) -> Row {
    let input = "list".into();
    Ok(Request::new(url)
        .unwrap()
        .read_at(RowLocation { input, line: 1 }))
}
