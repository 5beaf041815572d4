//! The pure stations, each by itself: what they take for a list of rows, for names, for a head, for
//! the ranges of a file.
//!
//! `cargo bench -p haulage --features bench`

use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::Range;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haulage::{Layout, Request, bench};

const ROWS: u32 = 10_000;

fn list() -> String {
    (0..ROWS).fold(String::new(), |mut list, row| {
        let _ = writeln!(
            list,
            "https://host{}.example/data/{row:07}/file-{row}.jpg",
            row % 100
        );
        list
    })
}

fn requests() -> Vec<Request> {
    list()
        .lines()
        .filter_map(|line| Request::new(line).ok())
        .collect()
}

/// 64 KiB each, those with even numbers first: ranges that are far apart, and then grow together.
fn ranges() -> Vec<Range<u64>> {
    let numbers = (0..2048_u64).step_by(2).chain((1..2047).step_by(2));
    numbers
        .map(|number| number << 16..(number + 1) << 16)
        .collect()
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: application/octet-stream\r\nContent-Length: 4096\r\n\
    Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: keep-alive\r\nETag: \"67446ca5-1000\"\r\n\
    Accept-Ranges: bytes\r\n\r\n";

fn stations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS.into()));
    let text = list();
    group.bench_function("text list", |bencher| {
        bencher.iter(|| bench::rows(black_box(&text)));
    });
    let requests = requests();
    for (name, layout) in [
        ("flat names", Layout::Flat),
        ("tree names", Layout::Tree),
        ("hashed names", Layout::Hashed),
        ("row names", Layout::Row),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| bench::names(layout, black_box(&requests)));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("HTTP/1.1");
    group.throughput(Throughput::Elements(1));
    group.bench_function("head", |bencher| {
        bencher.iter(|| bench::head(black_box(HEAD)));
    });
    let body = format!("1000\r\n{}\r\n", "x".repeat(0x1000)).repeat(256) + "0\r\n\r\n";
    group.throughput(Throughput::Bytes(256 * 0x1000));
    group.bench_function("chunks of 4 KiB", |bencher| {
        bencher.iter(|| bench::chunks(black_box(body.as_bytes())));
    });
    group.finish();

    let mut group = criterion.benchmark_group("pieces");
    let ranges = ranges();
    group.throughput(Throughput::Elements(ranges.len() as u64));
    group.bench_function("128 MiB in pieces of 64 KiB", |bencher| {
        bencher.iter(|| bench::range_set(black_box(&ranges), 2048 << 16));
    });
    group.finish();
}

criterion_group!(benches, stations);
criterion_main!(benches);
