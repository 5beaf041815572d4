use haulage::{Pace, WaitCause, WaitReason};

use super::*;
use crate::input::Count;
use crate::report::{Detail, Items, Total, Volume};

fn lines(volume: Volume) -> Lines {
    let items = Items::Failures;
    Lines::new(Detail { items, volume }, false)
}

fn with_status(volume: Volume) -> Plain {
    let total = Total::of(vec![Count::Known(200)]);
    Plain::with_status(lines(volume), Progress::new(total))
}

#[test]
fn a_status_line_has_the_counts_and_who_waits() {
    let mut plain = with_status(Volume::Normal);
    assert_eq!(plain.period(), Some(PERIOD));
    let why = WaitReason {
        cause: WaitCause::Status(503),
        retry_after: true,
    };
    plain.event(&Event::HostWaits {
        host: "http://127.0.0.1:8080".into(),
        wait: Duration::from_hours(1),
        why: Some(why),
    });
    assert_eq!(
        plain.gathered, "",
        "only every item's display has it at once"
    );
    let start = Instant::now();
    plain.add_status(start);
    let (before, after) = plain.gathered.split_once(" waits ").unwrap();
    assert_eq!(before, "0/200 · 0 B · 0 B/s · 127.0.0.1:8080");
    assert!(after.ends_with(" (503, Retry-After)\n"), "{after}");
    // After the end of its wait, the host is not listed.
    plain.gathered.clear();
    plain.add_status(start + Duration::from_secs(3602));
    assert_eq!(plain.gathered, "0/200 · 0 B · 0 B/s · 1:00:02 elapsed\n");
}

#[test]
fn host_that_is_requested_slowly_says_why() {
    let mut plain = with_status(Volume::Normal);
    plain.event(&Event::HostPaced {
        host: "http://a".into(),
        wait: Duration::from_secs(90),
        why: Pace::CrawlDelay,
    });
    assert_eq!(plain.gathered, "");
    plain.add_status(Instant::now());
    let after = "/200 · 0 B · 0 B/s · a waits 1:29 (Crawl-delay of robots.txt)\n";
    assert_eq!(plain.gathered, format!("0{after}"));
}

#[test]
fn a_display_without_status_has_no_period() {
    let mut plain = Plain::new(lines(Volume::Normal));
    assert_eq!(plain.period(), None);
    plain.add_status(Instant::now());
    assert_eq!(plain.gathered, "");
}
