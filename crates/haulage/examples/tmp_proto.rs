#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::disallowed_methods)]
use http_body_util::{BodyExt, Empty};
use bytes::Bytes;
use std::io::Write;
use std::rc::Rc;
use std::cell::Cell;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |f: &str| args.iter().position(|a| a == f).map(|i| args[i + 1].clone());
    let out = get("-d").unwrap();
    std::fs::create_dir_all(format!("{out}/.haul/part")).unwrap();
    let rename = std::env::var("R").is_ok();
    let list: Rc<Vec<String>> = Rc::new(std::fs::read_to_string(get("-i").unwrap()).unwrap().lines().map(|s| s.to_string()).collect());
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let next = Rc::new(Cell::new(0));
    let local = tokio::task::LocalSet::new();
    local.block_on(&rt, async {
        let mut hs = vec![];
        for _ in 0..16 {
            let (list, next, out) = (list.clone(), next.clone(), out.clone());
            hs.push(tokio::task::spawn_local(async move {
                let s = tokio::net::TcpStream::connect("127.0.0.1:18080").await.unwrap();
                s.set_nodelay(true).unwrap();
                let (mut tx, conn) = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(hyper_util::rt::TokioIo::new(s)).await.unwrap();
                tokio::task::spawn_local(async move { conn.await.unwrap() });
                loop {
                    let i = next.get(); if i >= list.len() { break; } next.set(i + 1);
                    let u = &list[i]; let path = &u["http://127.0.0.1:18080".len()..];
                    let req = http::Request::get(path).header("host", "127.0.0.1:18080").body(Empty::new()).unwrap();
                    tx.ready().await.unwrap();
                    let mut resp = tx.send_request(req).await.unwrap();
                    let fin = format!("{out}/{}", path.rsplit('/').next().unwrap());
                    let part = format!("{out}/.haul/part/{i}");
                    let mut f = std::fs::File::create(if rename { &part } else { &fin }).unwrap();
                    while let Some(fr) = resp.body_mut().frame().await { f.write_all(fr.unwrap().data_ref().unwrap()).unwrap(); }
                    drop(f);
                    if rename { std::fs::rename(&part, &fin).unwrap(); }
                }
            }));
        }
        for h in hs { h.await.unwrap(); }
    });
}
