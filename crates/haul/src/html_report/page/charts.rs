//! The charts: their places in the page, what they say in words, and the data for the script.

mod distribution;
mod series;

use std::time::Duration;

use haulage::{Latencies, Sample, thin};

use self::distribution::Distribution;
use self::series::HostLines;
use crate::html_report::aggregate::{Aggregate, latencies};
use crate::html_report::html::{duration, number, text};
use crate::report::format;

/// The most samples that are drawn.
const MAX_POINTS: usize = 500;

/// What is drawn.
pub(super) struct Charts {
    samples: Vec<Sample>,
    hosts: Vec<HostLines>,
    latencies: Distribution,
    times: Distribution,
    sizes: Distribution,
}

impl Charts {
    pub(super) fn new(samples: Vec<Sample>, counted: &Latencies, items: &Aggregate) -> Self {
        let samples = thin(samples, MAX_POINTS);
        Self {
            hosts: series::busiest(&samples),
            samples,
            latencies: Distribution::new(&latencies(counted), "Requests", |micros| {
                duration(Duration::from_micros(micros))
            }),
            times: Distribution::new(&items.times, "Items", |millis| {
                duration(Duration::from_millis(millis))
            }),
            sizes: Distribution::new(&items.sizes, "Items", format::bytes),
        }
    }

    /// Returns how many bytes were received; `None` if that was not sampled.
    pub(super) fn received(&self) -> Option<u64> {
        let bytes = self.samples.iter().map(|sample| sample.bytes);
        (!self.samples.is_empty()).then(|| bytes.sum())
    }

    /// Returns the section on how the run went over time.
    pub(super) fn over_time(&self) -> String {
        let heading =
            "<section aria-labelledby=\"time-charts\"><h2 id=\"time-charts\">Over time</h2>\n";
        let why_not = match self.samples.len() {
            0 => "How the run went over time was not recorded.",
            1 => "The run was too short for a chart.",
            _ => "",
        };
        if !why_not.is_empty() {
            return format!("{heading}<p class=\"none\">{why_not}</p></section>\n");
        }
        let figures = [
            figure("bytes", "Throughput", &self.throughput()),
            figure("items", "Items", &self.items()),
            figure("flight", "Requests in flight", &self.in_flight()),
            figure(
                "hosts",
                "Requests in flight to the busiest hosts",
                &self.of_hosts(),
            ),
        ];
        let figures = figures.concat();
        format!("{heading}{NO_SCRIPT}<div class=\"charts\">{figures}</div></section>\n")
    }

    fn throughput(&self) -> String {
        let (all, most) = self.rates(|sample| sample.bytes);
        let shown = |rate: f64| format::rate(whole(rate), Duration::from_secs(1));
        format!("On average {}, at most {}.", shown(all), shown(most))
    }

    fn items(&self) -> String {
        let (all, most) = self.rates(|sample| sample.ended);
        let shown = |rate: f64| match rate {
            ..100.0 => format!("{rate:.1}"),
            _ => number(whole(rate)),
        };
        let (all, most) = (shown(all), shown(most));
        format!("On average {all} items per second, at most {most}.")
    }

    fn in_flight(&self) -> String {
        let most = |of: fn(&Sample) -> usize| self.samples.iter().map(of).max().unwrap_or(0);
        format!(
            "At most {} requests at once. The limit was at most {}.",
            number(most(|sample| sample.in_flight) as u64),
            number(most(|sample| sample.limit) as u64)
        )
    }

    fn of_hosts(&self) -> String {
        if self.hosts.is_empty() {
            return "No requests were in flight when samples were taken.".to_owned();
        }
        let hosts = self.hosts.iter();
        let hosts: Vec<_> = hosts
            .map(|host| format!("{} {}", text(&host.short_name()), host.most()))
            .collect();
        format!("At most: {}. Dashed lines are limits.", hosts.join(", "))
    }

    /// Returns the rate per second of the whole time, and the highest one of a sample.
    fn rates(&self, of: fn(&Sample) -> u64) -> (f64, f64) {
        let sum: u64 = self.samples.iter().map(of).sum();
        let time: Duration = self.samples.iter().map(|sample| sample.span).sum();
        let rates = self
            .samples
            .iter()
            .map(|sample| series::rate(of(sample), sample.span));
        (series::rate(sum, time), rates.fold(0.0, f64::max))
    }

    /// Returns the section on times and sizes.
    pub(super) fn distributions(&self) -> String {
        let figures = [
            self.latencies.figure(
                "latencies",
                "Time to the first byte",
                "From a request until the first byte of its response.",
            ),
            self.times.figure(
                "times",
                "Time for an item",
                "From its first request until its end.",
            ),
            self.sizes.figure(
                "sizes",
                "Size of a file",
                "Of the files that were downloaded.",
            ),
        ];
        let figures = figures.concat();
        if figures.is_empty() {
            return String::new();
        }
        format!(
            "<section aria-labelledby=\"spread\"><h2 id=\"spread\">Times and sizes</h2>\n\
             <div class=\"charts\">{figures}</div></section>\n"
        )
    }

    /// Returns the data for the script, with these failures, as JSON that may stand in a page.
    pub(super) fn data(&self, failures: &str) -> String {
        format!(
            "{{\"series\":{},\"latencies\":{},\"times\":{},\"sizes\":{},\"failures\":{failures}}}",
            series::json(&self.samples, &self.hosts),
            self.latencies.json(),
            self.times.json(),
            self.sizes.json()
        )
    }
}

const NO_SCRIPT: &str = "<noscript><p>The charts need JavaScript.</p></noscript>\n";

/// Returns the place of a chart, with what it shows in words.
fn figure(id: &str, title: &str, words: &str) -> String {
    format!(
        "<figure><figcaption><strong>{title}</strong> <span>{words}</span></figcaption>\
         <div class=\"chart\" id=\"chart-{id}\" role=\"img\" aria-label=\"{title}. {words}\"></div>\
         </figure>\n"
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and a rate is not negative"
)]
fn whole(rate: f64) -> u64 {
    rate as u64
}
