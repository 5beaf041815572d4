//! What many runs cost beside one: `many one|each URL FOLDER COUNT` downloads `COUNT` files, in one
//! run or each in a run of its own, one after another. `many late URL FOLDER COUNT` prints how long
//! a run of three rows takes that is fed after one of `COUNT`. `python3 -m bench runs` uses it.

#![expect(clippy::print_stdout, reason = "it tells what it has measured")]
use std::time::Instant;

use haulage::{
    Engine, EngineOptions, Error, ErrorKind, Event, Request, Row, Run, RunOptions, StateDir,
};

fn row(server: &str, name: String) -> Row {
    let request = Request::new(&format!("{server}/{name}")).and_then(|row| row.named(&name));
    request.map_err(|error| haulage::BadRow {
        text: name,
        location: None,
        error,
    })
}

async fn finish(run: &mut Run) -> Result<(), Error> {
    let mut events = run.events();
    while let Some(event) = events.next().await {
        if let Event::Ended(outcome) = event
            && let Some(error) = outcome.error()
        {
            return Err(Error::new(error.kind(), error.to_string()));
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [kind, server, folder, count] = &words[..] else {
        let usage = "usage: many one|each|late URL FOLDER COUNT";
        return Err(Error::new(ErrorKind::Input, usage));
    };
    let count: u64 = count.parse().unwrap_or(1000);
    let server = server.clone();
    let engine = Engine::start(EngineOptions::default())?;
    let mut options = match &**folder {
        "-" => RunOptions::in_memory(),
        folder => RunOptions::new(folder),
    };
    // As the command has it for URLs.
    options.state_dir = StateDir::RemoveWhenDone;
    match &**kind {
        "one" => {
            let rows = (0..count).map(move |nth| row(&server, format!("{nth:04}.bin")));
            finish(&mut engine.run(options, rows)?).await
        }
        "each" => {
            for nth in 0..count {
                let rows = [row(&server, format!("{nth:04}.bin"))];
                finish(&mut engine.run(options.clone(), rows)?).await?;
            }
            Ok(())
        }
        _ => {
            let all = server.clone();
            let rows = (0..count).map(move |nth| row(&all, format!("{:04}.bin?{nth}", nth % 1000)));
            let mut large = engine.run(options, rows)?;
            let mut events = large.events();
            let mut ended = 0;
            while ended < 5000 {
                let Some(event) = events.next().await else {
                    let text = "COUNT must be at least 5000 for `late`";
                    return Err(Error::new(ErrorKind::Input, text));
                };
                ended += u64::from(matches!(event, Event::Ended(_)));
            }
            let began = Instant::now();
            let rows = (0..3).map(move |nth| row(&server, format!("{nth:04}.bin")));
            let small = RunOptions::new(format!("{folder}/small"));
            finish(&mut engine.run(small, rows)?).await?;
            println!("{}", began.elapsed().as_millis());
            Ok(())
        }
    }
}
