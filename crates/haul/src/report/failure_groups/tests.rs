use haulage::Status;

use super::*;

/// Returns the groups of these numbers of failures, each with its reason and host.
fn groups(failures: &[(u64, Reason, &str)]) -> FailureGroups {
    let mut groups = FailureGroups::default();
    for (count, reason, host) in failures {
        for _ in 0..*count {
            groups.count(*reason, Some(host));
        }
    }
    groups
}

const NOT_FOUND: Reason = Reason::Status(404);
const TIMEOUT: Reason = Reason::Kind(ErrorKind::Timeout);
const DNS: Reason = Reason::Kind(ErrorKind::Dns);

#[test]
fn failures_are_grouped_by_reason_and_host() {
    let groups = groups(&[(12, TIMEOUT, "b.example"), (300, NOT_FOUND, "a.example")]);
    assert_eq!(
        groups.to_string(),
        "312 failed: 300 × 404 on a.example, 12 × timeout on b.example"
    );
    assert_eq!(groups.lines()[1], "haul explain 404 says more");
}

#[test]
fn one_failure_is_explained_and_not_counted_again() {
    assert_eq!(
        groups(&[(1, DNS, "a")]).lines(),
        ["haul explain dns says more"]
    );
    assert!(FailureGroups::default().lines().is_empty());
}

#[test]
fn status_without_a_section_is_explained_with_others() {
    let groups = groups(&[(1, Reason::Status(418), "a")]);
    assert_eq!(groups.lines(), ["haul explain http says more"]);
}

#[test]
fn groups_that_are_small_are_counted_together() {
    let few = [
        (9, NOT_FOUND, "a"),
        (8, TIMEOUT, "a"),
        (7, DNS, "b"),
        (6, NOT_FOUND, "c"),
        (5, TIMEOUT, "d"),
        (4, DNS, "e"),
    ];
    assert_eq!(
        groups(&few).to_string(),
        "39 failed: 9 × 404 on a, 8 × timeout on a, 7 × dns on b, 6 × 404 on c, … and 9 others"
    );
    let one_more = [&few[..5], &[(1, DNS, "e")]].concat();
    assert!(
        groups(&one_more[..5])
            .to_string()
            .ends_with("… and 5 others")
    );
    let rest = groups(&[&few[..4], &[(1, DNS, "e")]].concat());
    assert!(rest.to_string().ends_with("… and 1 other"), "{rest}");
}

#[test]
fn hosts_with_few_failures_are_one_group() {
    let mut groups = groups(&[(50, NOT_FOUND, "a.example")]);
    for nth in 0..30 {
        groups.count(NOT_FOUND, Some(&format!("{nth}.example")));
        groups.count(DNS, Some(&format!("{nth}.example")));
    }
    assert_eq!(
        groups.to_string(),
        "110 failed: 50 × 404 on a.example, 30 × 404 on 30 other hosts, 30 × dns on 30 hosts"
    );
}

#[test]
fn failures_of_this_side_have_no_host() {
    let disk = Reason::Kind(ErrorKind::Disk);
    assert_eq!(
        groups(&[(2, disk, "a.example")]).to_string(),
        "2 failed: 2 × disk"
    );
}

#[test]
fn memory_does_not_grow_with_hosts() {
    let mut groups = FailureGroups::default();
    for nth in 0..20_000 {
        groups.count(DNS, Some(&format!("{nth}.{}", "long".repeat(100))));
    }
    assert_eq!(
        groups.to_string(),
        "20000 failed: 20000 × dns on other hosts"
    );
    let hosts = &groups.reasons[&DNS].hosts;
    assert_eq!(hosts.len(), MAX_PAIRS);
    assert!(hosts.keys().all(|host| host.len() <= MAX_HOST_BYTES));
}

#[test]
fn outcome_tells_its_reason_and_host() {
    let mut groups = FailureGroups::default();
    for (kind, url) in [
        (ErrorKind::Tls, "https://a.example:8443?x"),
        (ErrorKind::Tls, "https://a.example:8443/b"),
        (ErrorKind::Input, "nonsense"),
    ] {
        let error = || Error::new(kind, "no");
        groups.add(&Outcome::new(0, url, Status::Failed(error())), &error());
    }
    assert_eq!(
        groups.to_string(),
        "3 failed: 2 × tls on a.example:8443, 1 × input"
    );
}
