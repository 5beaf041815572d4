//! The speed of a run, measured over the last seconds, so that the figure follows changes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The period over which the speed is measured.
const WINDOW: Duration = Duration::from_secs(10);

/// Samples of the bytes and files so far, in the last period.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    bytes: f64,
    files: f64,
}

impl Throughput {
    /// Takes note of the bytes received and the files fetched so far; a file under way counts by
    /// the share of it that has arrived.
    pub(crate) fn note(&mut self, at: Instant, bytes: u64, files: f64) {
        let bytes = bytes as f64;
        while self.samples.len() > 1 && at.duration_since(self.samples[0].at) > WINDOW {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at, bytes, files });
    }

    /// Returns how far the samples look back.
    pub(crate) fn span(&self) -> Duration {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => last.at.duration_since(first.at),
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.per_second(|sample| sample.bytes)
    }

    pub(crate) fn files_per_second(&self) -> f64 {
        self.per_second(|sample| sample.files)
    }

    fn per_second(&self, what: impl Fn(&Sample) -> f64) -> f64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0.0;
        };
        let seconds = last.at.duration_since(first.at).as_secs_f64();
        // A file that starts again has lost what had arrived of it.
        let gained = (what(last) - what(first)).max(0.0);
        if seconds > 0.0 { gained / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        assert!(throughput.bytes_per_second().abs() < f64::EPSILON);
        for second in 0..60 {
            // Fast for 30 s, then slow.
            let bytes = if second < 30 {
                second * 1000
            } else {
                30_000 + (second - 30) * 10
            };
            throughput.note(
                start + Duration::from_secs(second),
                bytes,
                second as f64 * 2.0,
            );
        }
        assert!((throughput.bytes_per_second() - 10.0).abs() < 0.001);
        assert!((throughput.files_per_second() - 2.0).abs() < 0.001);
        throughput.note(start + Duration::from_mins(1), 0, 0.0);
        assert!(throughput.bytes_per_second().abs() < f64::EPSILON);
    }
}
