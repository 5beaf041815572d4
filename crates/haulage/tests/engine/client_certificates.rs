//! What TLS connections are made with: a certificate of the client's, pinned keys, versions,
//! several files of authorities; and sessions that later connections resume.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use haulage::{Identity, PemFile, PinnedKeys, Resolve, Roots, TlsVersion, Verification};
use origin::{Body, Origin, Script, client_pem};
use tempfile::TempDir;

use crate::sandbox::{Sandbox, assert_done, get, kind};

fn serving(origin: Origin) -> Origin {
    origin.on("/a", Script::ok(Body::seeded(1, 10)));
    origin
}

/// An origin that lets in only clients with a certificate.
fn demanding() -> Origin {
    let origin = Origin::builder().tls().known_clients_only();
    serving(origin.start().unwrap())
}

fn sandbox(origin: &Origin) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.options.retry.retries = 0;
    sandbox.options.existing = haulage::Existing::Overwrite;
    sandbox
}

/// Files for a run to read.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn message(sandbox: &Sandbox, url: &str) -> String {
    let outcome = sandbox.fetch(url);
    let error = outcome.error().unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("tls", 1), "{error}");
    error.to_string()
}

#[test]
fn client_certificate_lets_the_client_in() {
    let (origin, files) = (demanding(), Files::new());
    let (certificate, key) = client_pem();
    let both = files.write("both.pem", &format!("{certificate}{key}"));
    let certificate = files.write("cert.pem", &certificate);
    let key = files.write("key.pem", &key);
    let mut sandbox = sandbox(&origin);
    for identity in [
        Identity::new(certificate, Some(key.into())),
        Identity::new(both, None),
    ] {
        sandbox.options.route.tls.identity = Some(identity);
        for (least, most) in [
            (None, Some(TlsVersion::Tls12)),
            (Some(TlsVersion::Tls13), None),
        ] {
            sandbox.options.route.tls.min_version = least;
            sandbox.options.route.tls.max_version = most;
            assert_done(&sandbox.fetch(&origin.url("/a")));
        }
    }
}

#[test]
fn server_that_wants_a_certificate_says_so() {
    let origin = demanding();
    let mut sandbox = sandbox(&origin);
    let said = message(&sandbox, &origin.url("/a"));
    assert!(
        said.contains("asks for a certificate of its clients; give one with --cert"),
        "{said}"
    );
    sandbox.options.route.tls.max_version = Some(TlsVersion::Tls12);
    let said = message(&sandbox, &origin.url("/a"));
    assert!(said.contains("certificate"), "{said}");
    assert_eq!(origin.count("/a"), 0);
}

#[test]
fn client_certificate_of_another_authority_is_refused() {
    let (origin, files) = (demanding(), Files::new());
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap();
    let both = format!("{}{}", certificate.pem(), key.serialize_pem());
    let mut sandbox = sandbox(&origin);
    let identity = Identity::new(files.write("both.pem", &both), None);
    sandbox.options.route.tls.identity = Some(identity);
    let said = message(&sandbox, &origin.url("/a"));
    assert!(
        said.contains("client certificate") && said.contains("--cert"),
        "{said}"
    );
}

#[test]
fn identity_that_cannot_be_used_stops_the_run_at_its_start() {
    let files = Files::new();
    let (certificate, _) = client_pem();
    let (_, other) = client_pem();
    let certificate = files.write("cert.pem", &certificate);
    let other = files.write("key.pem", &other);
    let mut sandbox = Sandbox::new();
    for (key, says) in [
        (Some(other.into()), "is not that of the first certificate"),
        (None, "name its file with --key"),
    ] {
        sandbox.options.route.tls.identity = Some(Identity::new(certificate.as_path(), key));
        let error = sandbox.try_start().unwrap_err();
        assert_eq!(error.kind().name(), "input");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn connections_are_shared_by_runs_of_one_identity_alone() {
    let (origin, files) = (demanding(), Files::new());
    let (certificate, key) = client_pem();
    let both = files.write("both.pem", &format!("{certificate}{key}"));
    let mut sandbox = sandbox(&origin);
    let engine = haulage::Engine::start(sandbox.engine.clone()).unwrap();
    let mut fetch = |identity: Option<Identity>| {
        sandbox.options.route.tls.identity = identity;
        let mut run = engine
            .run(sandbox.options.clone(), [get(&origin.url("/a"))])
            .unwrap();
        let mut events = run.events();
        let mut outcomes = crate::sandbox::block_on(crate::sandbox::rest(&mut events));
        kind(&outcomes.pop().unwrap())
    };
    let known = Some(Identity::new(both, None));
    assert_eq!(fetch(known.clone()), "none");
    assert_eq!(fetch(None), "tls");
    assert_eq!(fetch(known), "none");
    // The third one took the connection of the first.
    assert_eq!(origin.tally().requests, 2);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn server_with_another_key_than_the_pinned_one_is_refused() {
    let origin = serving(Origin::tls());
    let right = PinnedKeys::of_file(origin.certificate_pem().as_bytes()).unwrap();
    let wrong = PinnedKeys::of_file(origin.ca_pem().as_bytes()).unwrap();
    let mut sandbox = sandbox(&origin);
    for verification in [Verification::Full, Verification::Insecure] {
        let tls = &mut sandbox.options.route.tls;
        tls.verification = verification;
        tls.pinned_keys = right.clone();
        assert_done(&sandbox.fetch(&origin.url("/a")));
        sandbox.options.route.tls.pinned_keys = wrong.clone();
        let said = message(&sandbox, &origin.url("/a"));
        assert!(
            said.contains("none of those that --pinnedpubkey names"),
            "{said}"
        );
    }
    // A key that is pinned does not make up for a certificate that is not trusted.
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    sandbox.options.route.tls.pinned_keys = right;
    let said = message(&sandbox, &origin.url("/a"));
    assert!(said.contains("not signed by a trusted authority"), "{said}");
}

#[test]
fn server_without_an_allowed_version_is_refused() {
    let origin = Origin::builder().tls().tls12_only();
    let origin = serving(origin.start().unwrap());
    let mut sandbox = sandbox(&origin);
    assert_done(&sandbox.fetch(&origin.url("/a")));
    sandbox.options.route.tls.max_version = Some(TlsVersion::Tls12);
    assert_done(&sandbox.fetch(&origin.url("/a")));
    sandbox.options.route.tls.max_version = None;
    sandbox.options.route.tls.min_version = Some(TlsVersion::Tls13);
    let said = message(&sandbox, &origin.url("/a"));
    assert!(said.contains("--tlsv1.3"), "{said}");
    sandbox.options.route.tls.max_version = Some(TlsVersion::Tls12);
    let error = sandbox.try_start().unwrap_err();
    assert!(error.to_string().contains("no version of TLS"), "{error}");
}

#[test]
fn authorities_may_be_in_several_files_and_in_folders() {
    let origin = serving(Origin::tls());
    let (files, folder) = (Files::new(), Files::new());
    let (other, key) = client_pem();
    let one = files.write("one.pem", &other);
    let two = files.write("two.pem", &format!("# two\n{other}\n{}", origin.ca_pem()));
    folder.write("README", "no certificate\n");
    folder.write("key.pem", &key);
    folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let folder_path = folder.0.path().to_owned();
    let mut sandbox = sandbox(&origin);
    let mut kind_with = |roots: Roots| {
        sandbox.options.route.tls.roots = roots;
        kind(&sandbox.fetch(&origin.url("/a")))
    };
    assert_eq!(kind_with(Roots::File(one.clone().into())), "tls");
    assert_eq!(kind_with(Roots::File(two.clone().into())), "none");
    assert_eq!(
        kind_with(Roots::Files(vec![one.into(), two.into()])),
        "none"
    );
    let mut sandbox = Sandbox::new();
    sandbox.options.route.tls.roots = Roots::Files(vec![folder_path.clone().into()]);
    let error = sandbox.try_start().unwrap_err().to_string();
    assert!(error.contains("none in any of its files"), "{error}");
    folder.write("ca.crt", origin.ca_pem());
    assert_done(&sandbox.fetch(&origin.url("/a")));
    sandbox.options.route.tls.roots = Roots::File(folder_path.into());
    sandbox.options.existing = haulage::Existing::Overwrite;
    assert_done(&sandbox.fetch(&origin.url("/a")));
}

#[test]
fn certificate_file_that_is_a_pipe_is_read_once() {
    let (origin, files) = (demanding(), Files::new());
    let (certificate, key) = client_pem();
    let mut pipes = Vec::new();
    // What has been read from a pipe is not there again.
    let mut pipe = |text: &str| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
        pipes.push(reader);
        PemFile::from(path)
    };
    let mut sandbox = sandbox(&origin);
    sandbox.options.route.tls.roots = Roots::File(pipe(origin.ca_pem()));
    let both = format!("{certificate}{key}");
    sandbox.options.route.tls.identity = Some(Identity::new(pipe(&both), None));
    assert_done(&sandbox.fetch(&origin.url("/a")));
    let key = files.write("key.pem", &key);
    let identity = Identity::new(pipe(&certificate), Some(key.into()));
    sandbox.options.route.tls.identity = Some(identity);
    sandbox.options.route.tls.roots = Roots::Files(vec![pipe(origin.ca_pem())]);
    assert_done(&sandbox.fetch(&origin.url("/a")));
}

#[test]
fn certificate_file_without_an_end_stops_the_run_at_its_start() {
    let mut sandbox = Sandbox::new();
    sandbox.options.route.tls.roots = Roots::File("/dev/zero".into());
    let error = sandbox.try_start().unwrap_err().to_string();
    let says = "cannot use the certificates in /dev/zero: it has more than 16 MiB";
    assert!(error.starts_with(says), "{error}");
}

#[test]
fn name_in_the_url_is_verified_whatever_its_address() {
    let origin = serving(Origin::tls());
    let port = origin.address().port();
    let mut sandbox = sandbox(&origin);
    for (name, says) in [
        ("localhost", None),
        ("elsewhere.example", Some("another name")),
    ] {
        let addresses = vec![origin.address().ip()];
        let resolve = Resolve::new(name, port, addresses).unwrap();
        sandbox.options.route.resolve = vec![resolve];
        let url = format!("https://{name}:{port}/a");
        match says {
            None => assert_done(&sandbox.fetch(&url)),
            Some(says) => assert!(message(&sandbox, &url).contains(says)),
        }
    }
}

#[test]
fn later_connections_resume_sessions_of_earlier_ones() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let origin = Origin::tls_http1();
        // Each file has a connection of its own.
        let file = Script::ok(Body::seeded(1, 10)).header("connection", "close");
        origin.under("/", move |_| file.clone().close_at(u64::MAX));
        let mut sandbox = sandbox(&origin);
        sandbox.options.route.tls.max_version = Some(version);
        // One after another: connections that begin together have no earlier one.
        sandbox.engine.jobs = 1;
        let rows: Vec<_> = (0..200)
            .map(|row| get(&origin.url(&format!("/{row}"))))
            .collect();
        for outcome in sandbox.run(rows) {
            assert_done(&outcome);
        }
        let tally = origin.tally();
        assert!(tally.connections >= 200);
        let (full, resumed) = (tally.full_handshakes, tally.resumed_handshakes);
        // Two connections begin before it is known that there is no HTTP/2.
        assert!(
            full <= 4 && resumed >= 196,
            "{version:?}: {full} full, {resumed} resumed"
        );
    }
}
