#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::unwrap_used)]
use haulage::*;
use std::io::BufRead;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let get = |f: &str| args.iter().position(|a| a == f).map(|i| args[i + 1].clone());
    if args.len() == 2 { println!("haul 0"); return; }
    let mut o = Options::into(get("-d").unwrap());
    if let Some(j) = get("-j") { o.jobs = j.parse().unwrap(); }
    if let Some(j) = get("--per-host") { o.per_host = j.parse().unwrap(); }
    if let Some(t) = std::env::var("T").ok() { o.threads = Some(t.parse().unwrap()); }
    if let Some(c) = get("--cacert") { o.tls.roots = Roots::File(c.into()); }
    let list = std::io::BufReader::new(std::fs::File::open(get("-i").unwrap()).unwrap());
    let rows = list.lines().map(|l| Ok(Request::new(&l.unwrap()).unwrap()));
    let mut engine = Engine::start(o).unwrap();
    let mut events = engine.events();
    engine.feed(rows);
    engine.close();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut k = 0; let (mut done, mut failed) = (0, 0);
    rt.block_on(async {
        let mut buf = Vec::new();
        loop {
            buf.clear();
            let n = events.next_many(&mut buf).await;
            if n == 0 { break; }
            for e in &buf {
                if let Event::Ended(o) = e {
                    if let Some(e) = o.error() { failed += 1; if failed < 5 { eprintln!("{} {e}", o.url); } } else { done += 1; }
                }
            }
            k += 1; if k > 32 { tokio::time::sleep(std::time::Duration::from_millis(10)).await; }
        }
    });
    eprintln!("{done} done {failed} failed");
}
