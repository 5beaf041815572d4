//! What the system says of this process, under the names that all Prometheus clients use. Where it
//! does not say, as without /proc, a metric is left out.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Asks the system about this process.
#[derive(Debug)]
pub(super) struct OfProcess {
    /// When it began: seconds after 1970.
    pub(super) started: f64,
}

impl Collector for OfProcess {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let started = ConstGauge::new(self.started);
        let help = "When the process began, in seconds after 1970";
        let seconds = Some(&Unit::Seconds);
        let name = "process_start_time";
        started.encode(out.encode_descriptor(name, help, seconds, MetricType::Gauge)?)?;
        if let Some(cpu) = cpu_seconds() {
            let help = "Processor time, of user and system";
            let cpu = ConstCounter::new(cpu);
            cpu.encode(out.encode_descriptor(
                "process_cpu",
                help,
                seconds,
                MetricType::Counter,
            )?)?;
        }
        let [size, resident] = memory_pages().map_or([None; 2], |pages| pages.map(Some));
        let page = i64::try_from(rustix::param::page_size()).unwrap_or_default();
        let bytes = |pages: Option<i64>| Some(pages?.saturating_mul(page));
        for (name, help, value, unit) in [
            (
                "process_virtual_memory",
                "Virtual memory",
                bytes(size),
                Some(Unit::Bytes),
            ),
            (
                "process_resident_memory",
                "Resident memory",
                bytes(resident),
                Some(Unit::Bytes),
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                open_files(),
                None,
            ),
            (
                "process_max_fds",
                "The most file descriptors that may be open",
                max_files(),
                None,
            ),
        ] {
            if let Some(value) = value {
                let value = ConstGauge::new(value);
                value.encode(out.encode_descriptor(
                    name,
                    help,
                    unit.as_ref(),
                    MetricType::Gauge,
                )?)?;
            }
        }
        Ok(())
    }
}

/// Returns the processor time that this process has used; `None` where the system does not say.
fn cpu_seconds() -> Option<f64> {
    ticks(&fs::read_to_string("/proc/self/stat").ok()?)
        .map(|ticks| ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Returns user and system time of a process, in ticks, from its `/proc/PID/stat` (proc(5)).
fn ticks(stat: &str) -> Option<u64> {
    // The name of the program may have spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    // After the name, utime and stime are the 12th and the 13th field.
    let mut times = rest.split_ascii_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

/// Returns virtual and resident memory in pages; `None` where the system does not say.
fn memory_pages() -> Option<[i64; 2]> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().map(str::parse);
    Some([pages.next()?.ok()?, pages.next()?.ok()?])
}

/// Returns how many files are open; `None` where the system does not say.
fn open_files() -> Option<i64> {
    let files = fs::read_dir("/proc/self/fd").ok()?;
    // One of them reads the folder.
    i64::try_from(files.count().checked_sub(1)?).ok()
}

/// Returns how many files may be open; `None` if there is no limit.
fn max_files() -> Option<i64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    i64::try_from(limit.current?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 4 0 999 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a) S 1"), None);
        assert_eq!(ticks(""), None);
    }
}
