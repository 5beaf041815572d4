//! The methods.

use std::fmt::Display;

use haulage::{Expected, Request};
use serde_json::{Map, Value, json};

use super::params::{Params, pairs, texts};
use super::status::{Status, uris};
use super::{RpcError, metalink};
use crate::options::{Scope, TABLE, configured};
use crate::queue::{Download, Gid, NoSuchGid, Page, State, Whence};
use crate::service::{BadOption, Runner, Service};

/// All methods, in aria2's order.
pub(super) const METHODS: [&str; 36] = [
    "aria2.addUri",
    "aria2.addTorrent",
    "aria2.getPeers",
    "aria2.addMetalink",
    "aria2.remove",
    "aria2.pause",
    "aria2.forcePause",
    "aria2.pauseAll",
    "aria2.forcePauseAll",
    "aria2.unpause",
    "aria2.unpauseAll",
    "aria2.forceRemove",
    "aria2.changePosition",
    "aria2.tellStatus",
    "aria2.getUris",
    "aria2.getFiles",
    "aria2.getServers",
    "aria2.tellActive",
    "aria2.tellWaiting",
    "aria2.tellStopped",
    "aria2.getOption",
    "aria2.changeUri",
    "aria2.changeOption",
    "aria2.getGlobalOption",
    "aria2.changeGlobalOption",
    "aria2.purgeDownloadResult",
    "aria2.removeDownloadResult",
    "aria2.getVersion",
    "aria2.getSessionInfo",
    "aria2.shutdown",
    "aria2.forceShutdown",
    "aria2.getGlobalStat",
    "aria2.saveSession",
    "system.multicall",
    "system.listMethods",
    "system.listNotifications",
];
/// Those that need no token.
pub(super) const OPEN: [&str; 2] = ["system.listMethods", "system.listNotifications"];
/// The notifications that aria2 may send.
const NOTIFICATIONS: [&str; 6] = [
    "aria2.onDownloadStart",
    "aria2.onDownloadPause",
    "aria2.onDownloadStop",
    "aria2.onDownloadComplete",
    "aria2.onDownloadError",
    "aria2.onBtDownloadComplete",
];
/// The version of aria2 whose protocol this is.
const VERSION: &str = "1.36.0";
const FEATURES: [&str; 4] = ["Async DNS", "HTTPS", "Message Digest", "Metalink"];

type Result = std::result::Result<Value, RpcError>;

/// Carries out a method.
pub(super) fn call<R: Runner>(
    service: &mut Service<R>,
    method: &str,
    params: Params<'_>,
) -> Result {
    match method {
        "aria2.addUri" => add_uri(service, params),
        "aria2.addTorrent" => {
            params.text(0)?;
            Err(RpcError::new("Bencode decoding failed"))
        }
        "aria2.addMetalink" => add_metalink(service, params),
        "aria2.remove" | "aria2.forceRemove" => remove(service, params),
        "aria2.pause" | "aria2.forcePause" => {
            let gid = find(service, params)?;
            done_if(service.pause(gid), gid, "cannot be paused now")
        }
        "aria2.pauseAll" | "aria2.forcePauseAll" => {
            service.pause_files();
            ok()
        }
        "aria2.unpause" => {
            let gid = find(service, params)?;
            done_if(service.unpause(gid), gid, "cannot be unpaused now")
        }
        "aria2.unpauseAll" => {
            service.unpause_files();
            ok()
        }
        "aria2.changePosition" => change_position(service, params),
        "aria2.changeOption" => change_option(service, params),
        "aria2.changeUri" => change_uri(service, params),
        "aria2.changeGlobalOption" => {
            let given = pairs(params.object(0)?);
            let options = service.options(given, |scope| scope != Scope::Fixed);
            let options = options.map_err(bad_option)?;
            service.change_log(&options).map_err(bad_option)?;
            service.change_global(&options);
            ok()
        }
        "aria2.purgeDownloadResult" => {
            service.queue.forget_files();
            ok()
        }
        "aria2.removeDownloadResult" => {
            let gid = find(service, params)?;
            if !service.queue.forget(gid) {
                return Err(about("Could not remove download result of", gid));
            }
            ok()
        }
        "aria2.shutdown" | "aria2.forceShutdown" => {
            service.shut_down();
            ok()
        }
        "aria2.saveSession" => {
            let file = service.session_file();
            let file = file.ok_or_else(|| RpcError::new("Filename is not given."))?;
            let text = service.saved_session();
            let saved = crate::file::replace(&file, text.as_bytes());
            saved.map_err(|_| {
                RpcError::new(format!(
                    "Failed to serialize session to '{}'.",
                    file.display()
                ))
            })?;
            ok()
        }
        _ => look(service, method, params),
    }
}

/// Carries out a method that changes nothing.
fn look<R: Runner>(service: &Service<R>, method: &str, params: Params<'_>) -> Result {
    match method {
        "aria2.tellStatus" => {
            let keys = texts(params.optional_list(1)?).collect::<Vec<_>>();
            let download = known(service, params)?;
            Ok(Status::of(service, download).to_json(&keys))
        }
        "aria2.getUris" => {
            let download = known(service, params)?;
            if download.state.is_stopped() {
                return Err(about("No URI data is available for", download.gid));
            }
            Ok(uris(download))
        }
        "aria2.getFiles" => {
            let download = known(service, params)?;
            Ok(Status::of(service, download).files())
        }
        "aria2.getPeers" => {
            known(service, params)?;
            Ok(json!([]))
        }
        "aria2.getServers" => {
            let download = known(service, params)?;
            if download.state != State::Active {
                return Err(about("No active download for", download.gid));
            }
            Ok(Status::of(service, download).servers())
        }
        "aria2.tellActive" => {
            let keys = texts(params.optional_list(0)?).collect::<Vec<_>>();
            Ok(told(service, files(service.queue.active()), &keys))
        }
        "aria2.tellWaiting" => {
            let (page, keys) = page(params)?;
            Ok(told(service, service.queue.queued_page(page), &keys))
        }
        "aria2.tellStopped" => {
            let (page, keys) = page(params)?;
            Ok(told(service, service.queue.stopped_page(page), &keys))
        }
        "aria2.getOption" => {
            let download = known(service, params)?;
            Ok(options_of(service, download))
        }
        "aria2.getVersion" => Ok(json!({"version": VERSION, "enabledFeatures": FEATURES})),
        "aria2.getSessionInfo" => Ok(json!({"sessionId": service.session()})),
        "aria2.getGlobalStat" => Ok(global_stat(service)),
        "aria2.getGlobalOption" => Ok(global_options(service)),
        "system.listMethods" => Ok(json!(METHODS.as_slice())),
        "system.listNotifications" => Ok(json!(NOTIFICATIONS)),
        _ => Err(RpcError::new(format!("No such method: {method}"))),
    }
}

fn add_uri<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    let given: Vec<_> = texts(params.list(0)?).collect();
    if given.is_empty() {
        return Err(RpcError::new("URI is not provided."));
    }
    let options = own_options(service, params, 1)?;
    let position = params.optional_position(2)?;
    let uris = usable(given);
    let no_uri = || RpcError::new("No URI to download.");
    if uris.is_empty() {
        return Err(no_uri());
    }
    let gid = service
        .add(uris, options, Expected::default(), position)
        .ok_or_else(no_uri)?;
    service.schedule();
    Ok(gid.to_string().into())
}

fn add_metalink<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    let files = metalink::files(params.text(0)?)?;
    let mut common = own_options(service, params, 1)?;
    // These are of one file.
    for name in ["gid", "out", "checksum"] {
        common.take(name);
    }
    let mut position = params.optional_position(2)?;
    let mut all = Vec::new();
    // None is added if one of them cannot be.
    for file in files {
        let own = service.options(file.options, |scope| scope == Scope::Download);
        let mut options = common.clone();
        options.extend(&own.map_err(bad_option)?);
        all.push((file.uris, options, file.expected));
    }
    let mut added = Vec::new();
    for (uris, options, expected) in all {
        let gid = service.add(uris, options, expected, position);
        added.extend(gid.map(|gid| gid.to_string()));
        position = position.map(|position| position.saturating_add(1));
    }
    service.schedule();
    Ok(added.into())
}

fn own_options<R: Runner>(
    service: &mut Service<R>,
    params: Params<'_>,
    at: usize,
) -> std::result::Result<crate::options::Options, RpcError> {
    let given = params.optional_object(at)?;
    let given = given.into_iter().flat_map(pairs);
    let options = service.options(given, |scope| scope == Scope::Download);
    options.map_err(bad_option)
}

fn remove<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    let gid = find(service, params)?;
    if !service.remove(gid) {
        return Err(about("Active Download not found for", gid));
    }
    Ok(gid.to_string().into())
}

fn change_position<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    params.text(0)?;
    let offset = params.integer(1)?;
    let whence = match params.text(2)? {
        "POS_SET" => Whence::Start,
        "POS_CUR" => Whence::Current,
        "POS_END" => Whence::End,
        _ => return Err(RpcError::new("Illegal argument.")),
    };
    let gid = find(service, params)?;
    let position = service.queue.reposition(gid, offset, whence);
    position
        .map(Value::from)
        .ok_or_else(|| RpcError::new(format!("GID#{gid} not found in the waiting queue.")))
}

fn change_option<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    params.object(1)?;
    let gid = find(service, params)?;
    let mut options = own_options(service, params, 1)?;
    for name in ["gid", "pause"] {
        options.take(name);
    }
    if known(service, params)?.state.is_stopped() {
        return Err(about("Cannot change option for", gid));
    }
    service.change_options(gid, &options);
    ok()
}

fn change_uri<R: Runner>(service: &mut Service<R>, params: Params<'_>) -> Result {
    params.text(0)?;
    let index = params.integer_from(1, 1)?;
    let (gone, new) = (params.list(2)?, params.list(3)?);
    let position = params.optional_position(4)?;
    let download = known(service, params)?;
    let gid = download.gid;
    if download.state.is_stopped() {
        return Err(about("Cannot remove URIs from", gid));
    }
    if index > 1 {
        return Err(RpcError::new("fileIndex is out of range"));
    }
    let before = &download.uris;
    let mut uris = before.clone();
    for gone in texts(gone) {
        if let Some(at) = uris.iter().position(|uri| uri == gone) {
            uris.remove(at);
        }
    }
    let deleted = before.len() - uris.len();
    let new = usable(texts(new));
    let added = new.len();
    // A position counts those that are not in use.
    let is_used = usize::from(download.state == State::Active && uris.first() == before.first());
    let at = position.map_or(uris.len(), |position| position.saturating_add(is_used));
    let at = at.min(uris.len());
    uris.splice(at..at, new);
    if uris != *before {
        service.change_uris(gid, uris);
    }
    Ok(json!([deleted, added]))
}

/// Returns those URLs that can be downloaded.
fn usable<'a>(uris: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let usable = uris.into_iter().filter(|uri| Request::new(uri).is_ok());
    usable.map(str::to_owned).collect()
}

fn options_of<R: Runner>(service: &Service<R>, download: &Download) -> Value {
    let mut all = defaults(service, |scope| scope == Scope::Download);
    let of_download = |(name, _): &(&str, &str)| all.contains_key(*name) || is_of_download(name);
    let given = service
        .global
        .iter()
        .filter(of_download)
        .chain(download.options.iter());
    let given: Vec<_> = given
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    all.extend(given);
    let dir = service.folder_of(download);
    all.insert("dir".to_owned(), dir.to_string_lossy().into());
    Value::Object(all)
}

fn is_of_download(name: &str) -> bool {
    crate::options::scope(name) == Some(Scope::Download)
}

fn global_options<R: Runner>(service: &Service<R>) -> Value {
    let mut all = defaults(service, |_| true);
    let given = service.global.iter();
    all.extend(given.map(|(name, value)| (name.to_owned(), value.into())));
    let dir = service.global_options().shown_folder(&service.folders);
    all.insert("dir".to_owned(), dir.to_string_lossy().into());
    Value::Object(all)
}

fn defaults<R: Runner>(service: &Service<R>, has: impl Fn(Scope) -> bool) -> Map<String, Value> {
    let known = TABLE
        .iter()
        .filter(|(_, scope, default)| has(*scope) && !default.is_empty());
    let mut all: Map<_, _> = known
        .map(|(name, _, default)| ((*name).to_owned(), (*default).into()))
        .collect();
    for (name, default) in configured(service.base()) {
        if let Some(shown) = all.get_mut(name) {
            *shown = default.into();
        }
    }
    all.insert("user-agent".to_owned(), service.user_agent().into());
    all
}

fn global_stat<R: Runner>(service: &Service<R>) -> Value {
    let speeds =
        files(service.queue.active()).filter_map(|download| service.runner.live(download.gid));
    let speed: u64 = speeds.map(|live| live.speed).sum();
    let [active, waiting, stopped] = service.queue.file_counts();
    json!({
        "downloadSpeed": speed.to_string(),
        "uploadSpeed": "0",
        "numActive": active.to_string(),
        "numWaiting": waiting.to_string(),
        "numStopped": stopped.to_string(),
        "numStoppedTotal": service.queue.stopped_total().to_string(),
    })
}

/// Reads offset, number and keys. An offset below 0 counts from the end of the list, and the page
/// goes backwards.
fn page(params: Params<'_>) -> std::result::Result<(Page, Vec<&str>), RpcError> {
    let offset = params.integer(0)?;
    let take = params.integer_from(1, 0)?;
    let keys = texts(params.optional_list(2)?).collect();
    let is_reversed = offset < 0;
    let distance = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let page = Page {
        skip: distance.saturating_sub(usize::from(is_reversed)),
        take,
        is_reversed,
    };
    Ok((page, keys))
}

fn told<'d, R: Runner>(
    service: &Service<R>,
    downloads: impl IntoIterator<Item = &'d Download>,
    keys: &[&str],
) -> Value {
    downloads
        .into_iter()
        .map(|download| Status::of(service, download).to_json(keys))
        .collect()
}

/// Returns those that are no lists, of which aria2 has none.
fn files<'d>(downloads: impl Iterator<Item = &'d Download>) -> impl Iterator<Item = &'d Download> {
    downloads.filter(|download| !download.is_list())
}

fn find<R: Runner>(service: &Service<R>, params: Params<'_>) -> std::result::Result<Gid, RpcError> {
    let name = params.text(0)?;
    let found = service.queue.find(name).and_then(|gid| {
        let download = service.queue.get(gid);
        let is_file = download.is_some_and(|download| !download.is_list());
        is_file.then_some(gid).ok_or(NoSuchGid::Unknown)
    });
    found.map_err(|why| {
        RpcError::new(match why {
            NoSuchGid::Invalid => format!("Invalid GID {name}"),
            NoSuchGid::Unknown => format!("GID {name} is not found"),
            NoSuchGid::Ambiguous => format!("GID {name} is not unique"),
        })
    })
}

fn known<'s, R: Runner>(
    service: &'s Service<R>,
    params: Params<'_>,
) -> std::result::Result<&'s Download, RpcError> {
    let gid = find(service, params)?;
    service
        .queue
        .get(gid)
        .ok_or_else(|| about("No such download for", gid))
}

fn done_if(done: bool, gid: Gid, otherwise: &str) -> Result {
    if done {
        Ok(gid.to_string().into())
    } else {
        Err(RpcError::new(format!("GID#{gid} {otherwise}")))
    }
}

fn about(what: impl Display, gid: Gid) -> RpcError {
    RpcError::new(format!("{what} GID#{gid}"))
}

fn bad_option(BadOption(name): BadOption) -> RpcError {
    RpcError::new(format!(
        "We encountered a problem while processing the option '--{name}'."
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a method returns")]
fn ok() -> Result {
    Ok("OK".into())
}
