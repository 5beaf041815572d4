//! Reads the text of metrics, and is strict about it: it stands for Prometheus in tests.

use std::collections::HashMap;

/// Metrics by their names with labels, as in `haul_items_total{status="done"}`.
pub(crate) struct Exposition {
    samples: HashMap<String, String>,
    /// Types by the names of families.
    types: HashMap<String, String>,
}

/// Endings that samples may have beyond the name of their family, by its type.
const ENDINGS: [(&str, &[&str]); 4] = [
    ("counter", &["_total"]),
    ("gauge", &[""]),
    ("histogram", &["_bucket", "_sum", "_count"]),
    ("info", &["_info"]),
];

impl Exposition {
    /// Reads the text format of Prometheus, 0.0.4.
    ///
    /// # Panics
    /// When it breaks a rule.
    pub(crate) fn of_prometheus(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains("# EOF"), "{text}");
        Self::read(text, false)
    }

    /// Reads `OpenMetrics` 1.0.
    ///
    /// # Panics
    /// When it breaks a rule.
    pub(crate) fn of_open_metrics(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n");
        Self::read(text.unwrap(), true)
    }

    fn read(text: &str, is_open: bool) -> Self {
        let mut all = Self {
            samples: HashMap::new(),
            types: HashMap::new(),
        };
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let (what, name, rest) = (words.next(), words.next(), words.next());
                let (name, rest) = (name.unwrap(), rest.unwrap());
                assert_name(name);
                match what.unwrap() {
                    "TYPE" => {
                        let before = all.types.insert(name.to_owned(), rest.to_owned());
                        assert_eq!(before, None, "{name} has two types");
                        name.clone_into(&mut family);
                    }
                    "HELP" => assert!(!rest.is_empty(), "{line}"),
                    "UNIT" => assert!(is_open && name.ends_with(&format!("_{rest}")), "{line}"),
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (key, value) = line.rsplit_once(' ').unwrap();
            let name = key.split('{').next().unwrap();
            assert_name(name);
            let kind = all.types[&family].as_str();
            // In the older format a counter's family has the ending, too.
            let is_of_family = ENDINGS.iter().any(|(known, endings)| {
                let full = !is_open && ["counter", "gauge"].contains(&kind);
                let endings = if full { &[""][..] } else { endings };
                *known == kind && endings.iter().any(|end| name == format!("{family}{end}"))
            });
            assert!(is_of_family, "{line} is no sample of a {kind} {family}");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            let number: f64 = value.parse().unwrap();
            assert!(kind == "gauge" || number >= 0.0, "{line}");
            let before = all.samples.insert(key.to_owned(), value.to_owned());
            assert!(before.is_none(), "{key} is there twice");
        }
        all.check_histograms();
        all
    }

    /// Checks that the last bucket of each histogram has all values, and each bucket those of the
    /// one before.
    fn check_histograms(&self) {
        let counts = self.samples.keys().filter_map(|key| {
            let (name, labels) = key.split_once("_count")?;
            let is_histogram = self.types.get(name).is_some_and(|kind| kind == "histogram");
            let labels = labels.trim_matches(['{', '}']);
            is_histogram.then(|| (name, labels, self.get(key)))
        });
        for (name, labels, count) in counts {
            let start = format!("{name}_bucket");
            let is_its = |key: &&String| key.starts_with(&start) && key.contains(labels);
            let buckets = self.samples.keys().filter(is_its).map(|key| {
                let (_, bound) = key.split_once("le=\"").unwrap();
                let bound: f64 = bound.split('"').next().unwrap().parse().unwrap();
                (bound, self.get(key))
            });
            let mut buckets: Vec<_> = buckets.collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by_key(|(_, value)| *value), "{name}");
            let (bound, all) = *buckets.last().unwrap();
            assert!(bound.is_infinite() && all == count, "{name}");
        }
    }

    /// Returns a whole number; 0 if it is not there.
    pub(crate) fn get(&self, key: &str) -> u64 {
        let value = self.samples.get(key);
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Returns the names of all families, sorted.
    pub(crate) fn families(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.types.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Returns the sum of all values whose names begin like this.
    pub(crate) fn sum(&self, start: &str) -> u64 {
        let meant = self.samples.keys().filter(|key| key.starts_with(start));
        meant.map(|key| self.get(key)).sum()
    }
}

fn assert_name(name: &str) {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    assert!(!name.is_empty() && name.chars().all(is_letter), "{name}");
}
