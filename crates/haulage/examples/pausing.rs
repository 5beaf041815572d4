//! Two lists in one engine: one is paused while the other is downloaded.

#![expect(clippy::print_stdout, reason = "it tells what became of them")]
use haulage::{Engine, EngineOptions, Error, Event, Run, RunOptions, source::Pattern};

async fn finish(name: &str, run: &mut Run) {
    let mut events = run.events();
    while let Some(event) = events.next().await {
        if let Event::Ended(outcome) = event {
            println!("{name}: {} {}", outcome.label, outcome.status.name());
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or("http://flupy.org".into());
    let engine = Engine::start(EngineOptions::default())?;
    let large = Pattern::parse(&format!(
        "{server}/data/flags/{{<cc>cn,in,us,id,br}}/{{<cc>}}.gif"
    ))?;
    let small = Pattern::parse(&format!("{server}/data/flags/{{<cc>jp,fr}}/{{<cc>}}.gif"))?;
    let mut large = engine.run(RunOptions::new("large"), large)?;
    large.pause();
    let mut small = engine.run(RunOptions::new("small"), small)?;
    finish("small", &mut small).await;
    large.resume();
    finish("large", &mut large).await;
    Ok(())
}
