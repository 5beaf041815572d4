//! The origin as a program: it serves whatever a path asks for.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Parser;
use origin::{Limit, Origin, Script};

/// The help for the paths.
const PATHS: &str = include_str!("query/help.txt");
/// The paths that the limits apply to.
const LIMITED: &str = "/bytes/";

/// Serves bytes over HTTP, and misbehaves on demand.
#[derive(Parser)]
#[command(name = "origin", version, after_help = PATHS)]
struct Args {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Speak TLS, and with it HTTP/2 too
    #[arg(long)]
    tls: bool,
    /// Do not offer HTTP/2
    #[arg(long)]
    http1: bool,
    /// Write the certificate to verify against, in PEM, to this file
    #[arg(long, value_name = "FILE", requires = "tls")]
    cert_out: Option<PathBuf>,
    /// Milliseconds to wait before each flag
    #[arg(long, value_name = "MS", default_value_t = 0)]
    flag_latency: u64,
    /// Answer 429 to requests below /bytes/ beyond N at once
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// Answer 429 to requests below /bytes/ beyond N within a second
    #[arg(long, value_name = "N")]
    per_second: Option<usize>,
}

#[expect(clippy::disallowed_methods, reason = "a certificate is no download")]
fn main() -> io::Result<()> {
    let args = Args::parse();
    let mut builder = Origin::builder().listen(args.listen).quiet();
    if args.tls {
        builder = builder.tls();
    }
    if args.http1 {
        builder = builder.http1_only();
    }
    let origin = builder.start()?;
    origin.serve_flags(Duration::from_millis(args.flag_latency));
    let busy = Script::status(429).header("retry-after", "1");
    if let Some(most) = args.at_once {
        origin.limit(LIMITED, Limit::at_once(most, busy.clone()));
    }
    if let Some(most) = args.per_second {
        origin.limit(LIMITED, Limit::per_second(most, busy));
    }
    if let Some(file) = args.cert_out {
        fs::write(file, origin.ca_pem())?;
    }
    writeln!(io::stdout(), "{}", origin.url("/"))?;
    loop {
        thread::park();
    }
}
