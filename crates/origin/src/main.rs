//! The origin as a program: serves whatever a path asks for.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Parser;
use origin::Origin;

/// What can be asked for.
const PATHS: &str = "\
What is served is said by the path:
  /bytes/5MiB           that many bytes, with any of
    ?seed=7               other bytes
    &delay=100ms          after that time
    &status=503           with this status
    &redirect=URL         sending the client there
    &chunked              in chunks, without their length
    &without_length       until the connection closes
    &close_at=1M          closing the connection after so many
    &reset_at=1M          resetting it
  /data/flags/CC/CC.gif a country's flag, such as /data/flags/fr/fr.gif";

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
    if let Some(file) = args.cert_out {
        fs::write(file, origin.ca_pem())?;
    }
    writeln!(io::stdout(), "{}", origin.url("/"))?;
    loop {
        thread::park();
    }
}
