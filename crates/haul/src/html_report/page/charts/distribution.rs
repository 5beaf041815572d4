//! A distribution as a chart and as a table.

use super::figure;
use crate::html_report::aggregate::Histogram;
use crate::html_report::html::{json_text, number};
use crate::html_report::page::tables::Table;

/// How values are distributed.
pub(super) struct Distribution {
    count: u64,
    /// What is counted.
    unit: &'static str,
    /// What half, nine tenths and 99% of all values do not exceed, and the greatest value.
    quantiles: [String; 4],
    /// What each interval contains, in words, and how many values it has.
    intervals: Vec<(String, u64)>,
}

impl Distribution {
    /// Returns the distribution of values that are shown in this way, each of one of these units.
    pub(super) fn new(
        histogram: &Histogram,
        unit: &'static str,
        shown: impl Fn(u64) -> String,
    ) -> Self {
        let intervals = histogram.intervals().into_iter();
        Self {
            count: histogram.count(),
            unit,
            quantiles: [
                shown(histogram.quantile(0.5)),
                shown(histogram.quantile(0.9)),
                shown(histogram.quantile(0.99)),
                shown(histogram.most()),
            ],
            intervals: intervals
                .map(|(bound, count)| match bound {
                    Some(0) => ("0".to_owned(), count),
                    Some(bound) => (format!("≤ {}", short(&shown(bound))), count),
                    None => ("more".to_owned(), count),
                })
                .collect(),
        }
    }

    /// Returns the place of the chart, with the same as a table.
    pub(super) fn figure(&self, id: &'static str, title: &'static str, what: &str) -> String {
        if self.count == 0 {
            return String::new();
        }
        let [half, most, nearly_all, all] = &self.quantiles;
        let words = format!(
            "{what} Half: up to {half}. 90%: up to {most}. 99%: up to {nearly_all}. All: up to {all}."
        );
        let mut table = Table::new(title, id).text("Up to").number(self.unit);
        for (interval, count) in &self.intervals {
            table.row(&[
                format!("<th scope=\"row\">{interval}</th>"),
                format!("<td class=\"number\">{}</td>", number(*count)),
            ]);
        }
        let (figure, table) = (figure(id, title, &words), table.finish());
        format!("<div>{figure}<details><summary>As a table</summary>{table}</details></div>\n")
    }

    /// Returns what the chart needs as JSON.
    pub(super) fn json(&self) -> String {
        let labels: Vec<_> = self
            .intervals
            .iter()
            .map(|(label, _)| json_text(label))
            .collect();
        let counts = self.intervals.iter().map(|(_, count)| count.to_string());
        let counts: Vec<_> = counts.collect();
        format!(
            "{{\"unit\":\"{}\",\"labels\":[{}],\"counts\":[{}]}}",
            self.unit,
            labels.join(","),
            counts.join(",")
        )
    }
}

/// Returns a bound without digits that are 0: `1 s` instead of `1.00 s`.
fn short(bound: &str) -> String {
    match bound.split_once(' ') {
        Some((digits, unit)) if digits.contains('.') => {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            format!("{digits} {unit}")
        }
        _ => bound.replace(" 0 s", "").replace(" 0 min", ""),
    }
}
