//! The daemon of haul: a queue of downloads on one engine, which clients of aria2 can use.
//!
//! A call goes `http → hub → rpc → service → queue`, or `http → api → hub → service → queue`; what
//! it starts, `runner → haulage::Engine`; what it changes, `recorder → store`, before it is
//! answered.
//!
//! | room | what it does |
//! |---|---|
//! | `queue` | which downloads there are, in which order, and in which state: pure |
//! | `options` | aria2's options: their names, their values, and what haul does with them |
//! | `service` | starts what may start, and changes what is asked for; tells a `Runner` |
//! | `rpc` | the methods of aria2's JSON-RPC, from JSON to JSON |
//! | `store`, `recorder` | the queue on the disk, and the thread that writes it |
//! | `runner` | downloads as runs of the engine |
//! | `http` | POST, GET, WebSocket and TLS; who may talk to the daemon |
//! | `api` | the daemon's own API: runs of lists, events, results |
//! | `feed` | what happens, gathered for clients that listen |
//! | `lists` | the lists of runs, each a file |
//! | `tools` | what the command around the daemon does for it |
//! | `contact` | how programs of this machine find the daemon |
//! | `page` | the files of the page at `/`, and what a browser lets it do |
//! | `hub` | where these meet: one lock around the service |
//! | `daemon` | starts all of it, and stops it |

mod api;
mod contact;
mod daemon;
mod feed;
mod file;
mod http;
mod hub;
mod lists;
mod options;
mod page;
mod queue;
mod recorder;
mod response;
mod rpc;
mod runner;
mod secret_file;
mod service;
mod store;
mod systemd;
mod tools;

pub use self::contact::Contact;
pub use self::daemon::{Access, Problem, Ready, Settings, TlsFiles, run};
pub use self::tools::{
    ListFile, LogLevel, MetricsText, OpenList, RecordedList, Refused, ResultsFormat, Tools,
};
