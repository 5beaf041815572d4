//! Starts the daemon, and stops it.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use haulage::{Engine, EngineOptions, RunOptions};
use tokio::runtime::{Builder, Handle};

use crate::contact::Contact;
use crate::http::{self, Guard, Most, Server, Tls, tls};
use crate::hub::{About, Hub, Parts};
use crate::lists::Lists;
use crate::options::Folders;
use crate::recorder::Recorder;
use crate::rpc::Secret;
use crate::store::Store;
use crate::tools::Tools;
use crate::{api, file, secret_file, systemd};

/// The name of the file with the secret, in the folder of the state.
const SECRET: &str = "rpc-secret";
/// The name of the database, in the folder of the state.
const DATABASE: &str = "serve.db";
/// The name of the folder of lists, in the folder of the state.
const LISTS: &str = "lists";

/// What a daemon is made of.
#[derive(Debug)]
pub struct Settings {
    /// The name or address, and the port, that it listens at.
    pub listen: String,
    /// Where files are saved, unless a client names another folder.
    pub dir: PathBuf,
    /// Other folders that clients may name.
    pub allowed_dirs: Vec<PathBuf>,
    /// Where the queue is kept.
    pub state: PathBuf,
    /// Who may use it.
    pub access: Access,
    /// Origins of pages that may use it, such as `https://ariang.example`.
    pub allowed_origins: Vec<String>,
    /// How many downloads may be active at once; `None` leaves it as clients have set it.
    pub max_concurrent_downloads: Option<u16>,
    /// `None` without TLS.
    pub tls: Option<TlsFiles>,
    /// What holds for all downloads together.
    pub engine: EngineOptions,
    /// What holds for a download of which a client says nothing else.
    pub defaults: RunOptions,
    /// What the daemon does not do itself.
    pub tools: Arc<dyn Tools>,
}

/// Who may use a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Who knows the secret in a file of the state's folder, which is made if there is none.
    Generated,
    /// Who knows the secret in this file.
    File(PathBuf),
    /// Who knows this secret.
    Secret(String),
    /// Any program of this machine.
    Anybody,
}

/// The files for TLS, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where a daemon can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The URL of its RPC.
    pub url: String,
    /// The file with the secret; `None` if it is in none.
    pub secret_file: Option<PathBuf>,
}

/// Why a daemon does not start: one line for people.
#[derive(Debug)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// Runs a daemon until `stop` is ready, or a client ends it. `ready` is called when it can be
/// reached.
///
/// # Errors
/// When it cannot start.
pub fn run(
    settings: Settings,
    ready: impl FnOnce(&Ready),
    stop: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("haulage-rpc")
        .enable_all()
        .build()
        .map_err(|error| Problem(format!("no thread could be started: {error}")))?;
    let prepared = prepare(settings, runtime.handle())?;
    let (listener, hub) = (prepared.listener, Arc::clone(&prepared.server.hub));
    let state = prepared.state;
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let serving = tokio::spawn(http::serve(listener, Arc::new(prepared.server)));
        let measuring = Arc::clone(&hub);
        let measuring = tokio::spawn(async move { measuring.measure().await });
        let telling = Arc::clone(&hub);
        let telling = tokio::spawn(async move { api::tell(&telling).await });
        hub.start();
        ready(&prepared.ready);
        systemd::notify("READY=1");
        tokio::select! {
            () = stop => {}
            () = hub.ending.cancelled() => {}
        }
        systemd::notify("STOPPING=1");
        measuring.abort();
        telling.abort();
        hub.stop().await;
        hub.closing.cancel();
        // It ends by itself.
        let _ = serving.await;
        Ok(())
    });
    Contact::remove(&state);
    served.map_err(|error: io::Error| Problem(format!("the daemon cannot listen: {error}")))
}

/// What is needed to serve.
struct Prepared {
    listener: TcpListener,
    server: Server,
    ready: Ready,
    /// The folder of its state.
    state: PathBuf,
}

fn prepare(settings: Settings, runtime: &Handle) -> Result<Prepared, Problem> {
    let address = address_of(&settings.listen)?;
    check(&settings, address)?;
    file::make_private_folder(&settings.state).map_err(about(&settings.state))?;
    std::fs::create_dir_all(&settings.dir).map_err(about(&settings.dir))?;
    let folders = Folders::new(&settings.dir, &settings.allowed_dirs)
        .map_err(|error| Problem(format!("a folder of --allow-dir cannot be used: {error}")))?;
    check_apart(&settings.state, &folders)?;
    let (secret, secret_file) = secret_of(&settings)?;
    let tls = settings.tls.as_ref().map(read_tls).transpose()?;
    let database = settings.state.join(DATABASE);
    // Options of downloads may be passwords.
    file::make_private(&database).map_err(about(&database))?;
    let store = Store::open(&database).map_err(|error| {
        Problem(format!(
            "the queue in {} cannot be used: {error}; another daemon may use it",
            database.display()
        ))
    })?;
    let mut earlier = store.read().map_err(about(&database))?;
    if let Some(most) = settings.max_concurrent_downloads {
        // A number that a type has checked.
        let _ = earlier
            .global
            .set("max-concurrent-downloads", &most.max(1).to_string());
    }
    if let Some(rate) = settings.engine.limit_rate {
        let _ = earlier
            .global
            .set("max-overall-download-limit", &rate.to_string());
    }
    let lists = settings.state.join(LISTS);
    let lists = Lists::in_folder(&lists).map_err(about(&lists))?;
    let known = earlier.downloads.iter().map(|download| download.gid);
    lists
        .keep_only(&known.collect())
        .map_err(about(&settings.state))?;
    let recorder = Recorder::start(store, lists.clone()).map_err(about(&database))?;
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = listener.map_err(about(Path::new(&settings.listen)))?;
    let address = listener.local_addr().unwrap_or(address);
    let certificate = settings.tls.as_ref().map(|tls| tls.certificate.as_path());
    let contact = Contact::at(address, secret_file.as_deref(), certificate);
    contact
        .write(&settings.state)
        .map_err(about(&settings.state))?;
    let per_host = settings.engine.per_host;
    let engine = Engine::start(settings.engine).map_err(|error| Problem(error.to_string()))?;
    let guard = Guard::new(
        settings.allowed_origins,
        !address.ip().is_loopback() && secret.is_set(),
        tls.is_some(),
    );
    let scheme = if tls.is_some() { "https" } else { "http" };
    let hub = Hub::new(Parts {
        engine,
        tools: settings.tools,
        base: settings.defaults,
        folders,
        lists,
        earlier,
        recorder,
        secret,
        about: About {
            started: SystemTime::now(),
            per_host,
        },
        runtime: runtime.clone(),
    });
    Ok(Prepared {
        listener,
        server: Server {
            hub,
            guard,
            turnstile: Arc::default(),
            tls,
            most: Most::default(),
        },
        ready: Ready {
            url: format!("{scheme}://{address}/jsonrpc"),
            secret_file,
        },
        state: settings.state,
    })
}

/// Checks what must not be combined.
fn check(settings: &Settings, address: SocketAddr) -> Result<(), Problem> {
    let refuse = |why: &str| Err(Problem(why.to_owned()));
    let is_open = settings.access == Access::Anybody;
    if is_open && !address.ip().is_loopback() {
        return refuse("--no-secret is for addresses of this machine alone, such as 127.0.0.1");
    }
    if is_open && !settings.allowed_origins.is_empty() {
        return refuse("--allow-origin needs a secret; leave out --no-secret");
    }
    if settings.access == Access::Secret(String::new()) {
        return refuse("the secret is empty; leave it out, and one is made");
    }
    if settings
        .allowed_origins
        .iter()
        .any(|origin| !is_origin(origin))
    {
        return refuse("--allow-origin takes an origin such as https://ariang.example");
    }
    Ok(())
}

/// Checks that clients cannot reach the daemon's own files.
fn check_apart(state: &Path, folders: &Folders) -> Result<(), Problem> {
    match folders.overlapping(state).map_err(about(state))? {
        None => Ok(()),
        Some(folder) => Err(Problem(format!(
            "{} is not apart from {}, where clients may replace all files: choose another -d DIR, \
             --allow-dir or --state",
            state.display(),
            folder.display()
        ))),
    }
}

/// Returns whether a text is an origin (RFC 6454 §6.2), and not `*` or `null`.
fn is_origin(text: &str) -> bool {
    let host = text.split_once("://").map(|(_, host)| host);
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#']))
}

fn address_of(listen: &str) -> Result<SocketAddr, Problem> {
    let found = listen
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next());
    found.ok_or_else(|| {
        Problem(format!(
            "{listen:?} is no address to listen at; write one and a port, as in 127.0.0.1:6800"
        ))
    })
}

fn secret_of(settings: &Settings) -> Result<(Secret, Option<PathBuf>), Problem> {
    match &settings.access {
        Access::Anybody => Ok((Secret::new(None), None)),
        Access::Secret(secret) => Ok((Secret::new(Some(secret)), None)),
        Access::File(path) => {
            let secret = secret_file::read(path).map_err(about(path))?;
            Ok((Secret::new(Some(&secret)), Some(path.clone())))
        }
        Access::Generated => {
            let path = settings.state.join(SECRET);
            let secret = secret_file::read_or_make(&path).map_err(about(&path))?;
            Ok((Secret::new(Some(&secret)), Some(path)))
        }
    }
}

fn read_tls(files: &TlsFiles) -> Result<Tls, Problem> {
    tls::read(&files.certificate, &files.key).map_err(about(&files.certificate))
}

fn about<E: fmt::Display>(path: &Path) -> impl FnOnce(E) -> Problem {
    let path = path.display().to_string();
    move |error| Problem(format!("{path} cannot be used: {error}"))
}
