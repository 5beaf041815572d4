use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn throughput(bytes_per_second: u64, files_per_second: f64) -> Throughput {
    over(4, bytes_per_second, files_per_second)
}

/// Returns this throughput, as measured over these seconds.
fn over(seconds: u64, bytes_per_second: u64, files_per_second: f64) -> Throughput {
    let start = Instant::now();
    let mut throughput = Throughput::default();
    throughput.note(start, 0, 0.0);
    throughput.note(
        start + Duration::from_secs(seconds),
        bytes_per_second.saturating_mul(seconds),
        files_per_second * seconds as f64,
    );
    throughput
}

const fn flight(label: &str, received: u64, length: Option<u64>) -> Flight<'_> {
    Flight {
        label,
        received,
        resumed: 0,
        length,
        is_waiting: false,
    }
}

const FLIGHTS: [Flight<'static>; 3] = [
    flight("cn", 34, Some(100)),
    flight("旗\u{202e}", 2048, None),
    flight("us", 0, None),
];

/// Returns a run that has not begun.
fn snapshot(throughput: &Throughput) -> Snapshot<'_> {
    Snapshot {
        ended: 0,
        failed: 0,
        total: None,
        is_one_url: false,
        bytes: 0,
        resumed: 0,
        expected: None,
        elapsed: Duration::ZERO,
        flights: &[],
        waits: &[],
        throughput,
    }
}

fn wait(name: &str, seconds: u64, why: Option<&str>) -> Wait {
    Wait {
        name: name.into(),
        left: Duration::from_secs(seconds),
        why: why.map(Into::into),
    }
}

#[test]
fn a_run_of_known_length() {
    let throughput = throughput(2048, 2.0);
    let now = Snapshot {
        ended: 10,
        failed: 1,
        total: Some(20),
        bytes: 14_541,
        flights: &FLIGHTS,
        ..snapshot(&throughput)
    };
    assert_eq!(
        frame(&now, 80).join("\n"),
        "█████████████░░░░░░░░░░░░░░  10/20 · 1 failed · 14.2 KiB · 2.0 KiB/s · 0:04 left\n\
         cn 34% · 旗\\u{202e} 2.0 KiB · us"
    );
    assert_eq!(
        frame(&now, 20).join("\n"),
        "10/20 · 1 failed · …\ncn 34% · +2"
    );
}

#[test]
fn narrow_bars_leave_out_what_matters_least() {
    let throughput = throughput(2048, 2.0);
    let expected = Expected {
        bytes: 640 << 20,
        is_exact: false,
    };
    let now = Snapshot {
        ended: 10,
        total: Some(20),
        bytes: 252 << 20,
        expected: Some(expected),
        elapsed: Duration::from_secs(72),
        ..snapshot(&throughput)
    };
    for (columns, figures) in [
        (
            100,
            "10/20 · 252.0 MiB of ~640.0 MiB · 2.0 KiB/s · 1:12 elapsed · 0:05 left",
        ),
        (
            70,
            "10/20 · 252.0 MiB of ~640.0 MiB · 2.0 KiB/s · 0:05 left",
        ),
        (60, "10/20 · 252.0 MiB · 2.0 KiB/s · 0:05 left"),
    ] {
        let line = &frame(&now, columns)[0];
        assert!(
            line.ends_with(&format!("░  {figures}")),
            "{columns}: {line}"
        );
    }
    // Where there is no room for a bar, there may be some for figures.
    let line = &frame(&now, 41)[0];
    assert_eq!(line, "10/20 · 252.0 MiB · 2.0 KiB/s · 0:05 left");
}

#[test]
fn items_without_room_are_counted() {
    let throughput = Throughput::default();
    let labels: Vec<_> = (65..80).map(|nth| format!("photo-{nth:03}.jpg")).collect();
    let flights: Vec<_> = labels.iter().map(|it| flight(it, 1, Some(4))).collect();
    let now = Snapshot {
        flights: &flights,
        ..snapshot(&throughput)
    };
    for (columns, line) in [
        (
            80,
            "photo-065.jpg 25% · photo-066.jpg 25% · photo-067.jpg 25% · +12",
        ),
        (45, "photo-065.jpg 25% · photo-066.jpg 25% · +13"),
        (43, "photo-065.jpg 25% · photo-066.jpg 25% · +13"),
        (42, "photo-065.jpg 25% · +14"),
        (16, "photo-065… · +14"),
        (6, "photo…"),
    ] {
        assert_eq!(frame(&now, columns)[1], line, "{columns}");
    }
    let wide = &frame(&now, 1000)[1];
    assert!(wide.ends_with(" · photo-079.jpg 25%"), "{wide}");
}

#[test]
fn items_that_wait_are_not_in_flight() {
    let throughput = throughput(100, 1.0);
    let mut waiting = FLIGHTS;
    waiting[1].is_waiting = true;
    let waits = [wait("b", 3, None)];
    let mut now = Snapshot {
        flights: &waiting,
        waits: &waits,
        ..snapshot(&throughput)
    };
    assert_eq!(frame(&now, 80)[1], "cn 34% · us · b waits 0:03");
    assert!(!now.only_waits());
    now.flights = &waiting[1..2];
    assert_eq!(frame(&now, 80)[1], "b waits 0:03");
    assert!(now.only_waits());
}

#[test]
fn what_waits_is_listed_after_what_moves() {
    let waits = [
        wait("127.0.0.1:8080", 75, Some("503, Retry-After")),
        wait("b", 3, None),
    ];
    let throughput = Throughput::default();
    let mut now = Snapshot {
        flights: &FLIGHTS[..1],
        waits: &waits,
        ..snapshot(&throughput)
    };
    assert_eq!(
        frame(&now, 160)[1],
        "cn 34% · 127.0.0.1:8080 waits 1:15 (503, Retry-After) · b waits 0:03"
    );
    // However many items are in progress, there is room for why something waits.
    let many = FLIGHTS.repeat(10);
    now.flights = &many;
    let line = &frame(&now, 100)[1];
    assert!(
        line.contains(" · +26 · 127.0.0.1:8080 waits 1:15 (503, Retry-After)"),
        "{line}"
    );
    assert!(line.starts_with("cn 34% · "), "{line}");
}

#[test]
fn a_status_line_names_some_hosts_that_wait() {
    let waits = ["a", "b", "c", "d", "e"].map(|name| wait(name, 19, Some("refused")));
    let throughput = throughput(19 << 20, 2.0);
    let expected = Expected {
        bytes: 640 << 20,
        is_exact: true,
    };
    let now = Snapshot {
        ended: 116,
        failed: 5,
        total: Some(200),
        bytes: 374 << 20,
        expected: Some(expected),
        elapsed: Duration::from_secs(15),
        flights: &FLIGHTS,
        waits: &waits,
        ..snapshot(&throughput)
    };
    assert_eq!(
        status(&now),
        "116/200 · 5 failed · 374.0 MiB of 640.0 MiB · 19.0 MiB/s · 0:15 elapsed · 0:41 left · \
         a waits 0:19 (refused) · b waits 0:19 (refused) · c waits 0:19 (refused) · 2 more wait"
    );
}

#[test]
fn resumed_bytes_are_told_apart() {
    let throughput = Throughput::default();
    let now = Snapshot {
        ended: 1,
        total: Some(2),
        bytes: 1 << 20,
        resumed: 2 << 20,
        ..snapshot(&throughput)
    };
    assert_eq!(status(&now), "1/2 · 1.0 MiB (2.0 MiB resumed) · 0 B/s");
}

#[test]
fn no_time_left_is_told_before_the_rate_has_settled() {
    let early = over(2, 5, 5.0);
    let mut now = Snapshot {
        ended: 10,
        total: Some(20),
        bytes: 10,
        ..snapshot(&early)
    };
    assert!(!frame(&now, 80)[0].contains("left"));
    let later = over(3, 3, 33.0);
    now.throughput = &later;
    assert!(frame(&now, 80)[0].ends_with(" · <1 s left"));
}

#[test]
fn time_left_counts_what_has_arrived_of_items() {
    // The first ten of a hundred are halfway after five seconds.
    let throughput = over(5, 1000, 1.0);
    let halfway = vec![flight("x", 500, Some(1000)); 10];
    let now = Snapshot {
        total: Some(100),
        flights: &halfway,
        ..snapshot(&throughput)
    };
    let line = &frame(&now, 100)[0];
    assert!(line.ends_with(" · 1:35 left"), "{line}");
}

#[test]
fn a_run_of_unknown_length() {
    let throughput = Throughput::default();
    let now = Snapshot {
        ended: 7,
        ..snapshot(&throughput)
    };
    assert_eq!(
        frame(&now, 80),
        ["7 done · 0 B · 0 B/s".to_owned(), String::new()]
    );
}

#[test]
fn one_large_file_moves_the_bar_and_tells_the_time_left() {
    let throughput = throughput(100, 0.0);
    let now = Snapshot {
        total: Some(1),
        bytes: 500,
        flights: &[flight("large", 500, Some(1000))],
        ..snapshot(&throughput)
    };
    let text = frame(&now, 80).join("\n");
    assert!(
        text.starts_with(&format!("{}{}  0/1", "█".repeat(15), "░".repeat(15))),
        "{text}"
    );
    assert!(text.contains("0:05 left\nlarge 50%"), "{text}");
}

#[test]
fn one_url_has_its_size_and_its_name() {
    let throughput = throughput(1 << 20, 0.0);
    let expected = Expected {
        bytes: 8 << 20,
        is_exact: true,
    };
    let mut now = Snapshot {
        total: Some(1),
        is_one_url: true,
        bytes: 2 << 20,
        resumed: 2 << 20,
        expected: Some(expected),
        elapsed: Duration::from_secs(2),
        flights: &[flight("large.iso", 4 << 20, Some(10 << 20))],
        ..snapshot(&throughput)
    };
    assert_eq!(
        frame(&now, 100).join("\n"),
        format!(
            "{}{}  40% · 2.0 MiB of 8.0 MiB (2.0 MiB resumed) · 1.0 MiB/s · 0:02 elapsed · 0:06 left\n\
             large.iso",
            "█".repeat(6),
            "░".repeat(11)
        )
    );
    let (empty, unknown) = (Throughput::default(), [flight("large.iso", 0, None)]);
    now = Snapshot {
        total: Some(1),
        is_one_url: true,
        flights: &unknown,
        ..snapshot(&empty)
    };
    let [first, second] = frame(&now, 80);
    assert_eq!(first, format!("{}  0 B · 0 B/s", "░".repeat(30)));
    assert_eq!(second, "large.iso");
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(
        labels in prop::collection::vec(any::<String>(), 0..6),
        columns in 1_usize..120,
        ended in any::<u64>(),
        total in any::<Option<u64>>(),
        length in any::<Option<u64>>(),
        received in any::<u64>(),
        is_one_url in any::<bool>(),
        bytes in any::<Option<u64>>(),
    ) {
        let waits: Vec<_> = labels.iter().map(|label| wait(label, 9, Some("503"))).collect();
        let flights: Vec<_> = labels.iter().map(|label| flight(label, received, length)).collect();
        let throughput = throughput(received, 1.0);
        let expected = bytes.map(|bytes| Expected { bytes, is_exact: is_one_url });
        let now = Snapshot {
            ended,
            failed: 1,
            total,
            is_one_url,
            bytes: received,
            resumed: received,
            expected,
            elapsed: Duration::from_secs(received),
            flights: &flights,
            waits: &waits,
            ..snapshot(&throughput)
        };
        for line in frame(&now, columns) {
            prop_assert!(format::width(&line) <= columns && !line.contains('\n'), "{:?}", line);
        }
    }
}
