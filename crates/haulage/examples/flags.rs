//! Twenty flags, four at a time: the job that people write a script for.

#![expect(clippy::print_stdout, reason = "it tells what became of them")]
use haulage::{Error, Existing, RunOptions, source::Pattern};
use std::time::Instant;

const COUNTRIES: &str = "cn,in,us,id,br,pk,ng,bd,ru,jp,mx,ph,vn,et,eg,de,ir,tr,cd,fr";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let server = std::env::args().nth(1).unwrap_or("http://flupy.org".into());
    let flags = Pattern::parse(&format!(
        "{server}/data/flags/{{<cc>{COUNTRIES}}}/{{<cc>}}.gif"
    ))?;

    let mut options = RunOptions::new("downloads");
    options.jobs = Some(4);
    options.existing = Existing::Overwrite;

    let start = Instant::now();
    let mut outcomes = haulage::download(flags, options)?;
    while let Some(outcome) = outcomes.next().await {
        println!(
            "{} {} {} bytes",
            outcome.label,
            outcome.status.name(),
            outcome.bytes
        );
    }
    println!("{:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}
