//! What the text of metrics looks like before anything has happened.

mod exposition;

use haulage::{Engine, EngineOptions};

use self::exposition::Exposition;
use super::accept::Format;
use super::counters::Counters;
use super::{Trouble, registry};

#[test]
fn both_formats_have_the_same_metrics() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let registry = registry::of(&Counters::default(), engine);
    let plain = Exposition::of_prometheus(&Format::Prometheus.text(&registry));
    let open = Exposition::of_open_metrics(&Format::OpenMetrics.text(&registry));
    let names = |text: &Exposition, endings: [&str; 2]| -> Vec<String> {
        let families = text.families().into_iter();
        families
            .map(|name| {
                let short = endings.iter().find_map(|end| name.strip_suffix(end));
                short.unwrap_or(name).to_owned()
            })
            .collect()
    };
    let expected = names(&plain, ["_total", "_info"]);
    assert_eq!(names(&open, ["", ""]), expected);
    assert!(expected.len() >= 16, "{expected:?}");
    for text in [plain, open] {
        assert_eq!(text.sum("haul_items_total"), 0);
        let version = env!("CARGO_PKG_VERSION");
        let version = format!("haul_build_info{{version=\"{version}\"}}");
        assert_eq!(text.get(&version), 1);
        assert!(text.get("haul_requests_limit") >= 1);
    }
}

#[test]
fn metrics_of_the_process_are_there_on_linux() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let registry = registry::of(&Counters::default(), engine);
    let text = Exposition::of_prometheus(&Format::Prometheus.text(&registry));
    let is_told = cfg!(target_os = "linux");
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        assert_eq!(text.get(name) > 0, is_told, "{name}");
    }
    assert!(text.get("process_resident_memory_bytes") <= text.get("process_virtual_memory_bytes"));
}

#[test]
fn trouble_is_told_once() {
    let trouble = Trouble::default();
    assert_eq!(trouble.take(), None);
    trouble.tell("a".to_owned());
    trouble.tell("b".to_owned());
    assert_eq!(trouble.take().as_deref(), Some("a"));
    trouble.tell("c".to_owned());
    assert_eq!(trouble.take(), None);
}
