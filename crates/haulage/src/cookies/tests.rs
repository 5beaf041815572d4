use super::*;

fn cookie_for(jar: &CookieJar, url: &str, by_hand: Option<&str>) -> Option<String> {
    let by_hand = by_hand.map(|text| HeaderValue::from_str(text).unwrap());
    let value = jar.cookie_for(&HttpUrl::of(url), by_hand.as_ref())?;
    assert!(value.is_sensitive());
    Some(value.to_str().unwrap().to_owned())
}

fn response(lines: &[&str]) -> Fields {
    let mut fields = Fields::default();
    for line in lines {
        fields.insert(&SET_COOKIE, line);
    }
    fields
}

#[test]
fn jar_sends_what_a_response_has_set() {
    let jar = CookieJar::new();
    let url = "https://data.example.org/a/b";
    assert_eq!(cookie_for(&jar, url, None), None);
    jar.learn(
        &HttpUrl::of(url),
        &response(&[
            "a=1; Path=/",
            "b=2; Domain=example.org",
            "c=3; Domain=com",
            "=; x",
        ]),
    );
    assert_eq!(cookie_for(&jar, url, None).unwrap(), "b=2; a=1");
    assert_eq!(
        cookie_for(&jar, "https://data.example.org/", None).unwrap(),
        "a=1"
    );
    assert_eq!(
        cookie_for(&jar, "https://example.org/a", None).unwrap(),
        "b=2"
    );
    assert_eq!(cookie_for(&jar, "https://example.com/a", None), None);
    assert_eq!(format!("{jar:?}"), "CookieJar(2 cookies)");
    assert_eq!(format!("{:?}", jar.read().iter(0).count()), "2");
}

#[test]
fn cookies_given_by_hand_join_those_of_the_jar() {
    let jar = CookieJar::parse_netscape(b"h.example\tFALSE\t/\tFALSE\t0\told\t1\n").unwrap();
    let url = HttpUrl::of("http://h.example/");
    let sent = |by_hand| cookie_for(&jar, "http://h.example/", by_hand);
    assert_eq!(sent(Some("a=2;b=3 ;")).unwrap(), "old=1; a=2; b=3");
    // Cookies given by hand count before those of a file.
    assert_eq!(sent(Some("old=2")), None);
    jar.learn(&url, &response(&["new=4"]));
    assert_eq!(sent(Some("old=2; x=0")).unwrap(), "new=4; old=2; x=0");
    // Cookies that the server has set in this run count before those given by hand.
    jar.learn(&url, &response(&["old=5"]));
    assert_eq!(sent(Some("old=2; x=0")).unwrap(), "old=5; new=4; x=0");
}

#[test]
fn kinds_change_with_the_names_of_cookies_alone() {
    let jar = CookieJar::parse_netscape(b"h.example\tFALSE\t/\tFALSE\t0\told\t1\n").unwrap();
    let url = HttpUrl::of("http://h.example/");
    let mut kinds = vec![jar.kinds_for(&url)];
    for (line, is_new) in [
        ("a=1", true),
        ("a=2", false),
        ("b=1; Path=/x", false),
        ("old=2", true),
        ("a=; Max-Age=0", true),
    ] {
        jar.learn(&url, &response(&[line]));
        let now = jar.kinds_for(&url);
        assert_eq!(!kinds.contains(&now), is_new, "{line}");
        kinds.push(now);
    }
}

#[test]
fn lines_given_by_hand_become_one() {
    let lines = ["a=1", "", "b=2; c=3;"].map(HeaderValue::from_static);
    assert_eq!(join(&lines).unwrap(), "a=1; b=2; c=3");
}

#[test]
fn line_of_cookies_is_not_longer_than_servers_take() {
    let jar = CookieJar::new();
    for number in 0..3 {
        let cookie = format!("c{number}={}", "v".repeat(3000));
        jar.add("http://h.example/", &cookie).unwrap();
    }
    let sent = cookie_for(&jar, "http://h.example/", Some("own=1")).unwrap();
    assert!(sent.starts_with("c0=") && sent.ends_with("; own=1"));
    assert!(
        sent.len() < 6100 && sent.contains("; c1="),
        "{}",
        sent.len()
    );
}

#[test]
fn cookie_that_a_url_may_not_set_is_refused_without_being_shown() {
    let jar = CookieJar::new();
    for (url, cookie) in [
        ("http://h.example/", "a=secret; Secure"),
        ("http://h.example/", "a=secret; Domain=other.example"),
        ("ftp://h.example/", "a=secret"),
    ] {
        let error = jar.add(url, cookie).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(jar.is_empty());
}

#[test]
fn file_holds_what_the_jar_holds() {
    let jar = CookieJar::new();
    jar.add("https://b.example/", "s=1; Secure; HttpOnly")
        .unwrap();
    jar.add("http://a.example/x/", "t=2").unwrap();
    let text = jar.to_netscape();
    let lines = "a.example\tFALSE\t/x\tFALSE\t0\tt\t2\n\
                 #HttpOnly_b.example\tFALSE\t/\tTRUE\t0\ts\t1\n";
    assert!(text.ends_with(lines.as_bytes()));
    let again = CookieJar::parse_netscape(&text).unwrap();
    assert_eq!(again.to_netscape(), text);
    assert_eq!(again.len(), 2);
}

#[test]
fn expired_cookie_of_a_file_is_left_out() {
    let text = b"h.example\tFALSE\t/\tFALSE\t1\ta\t1\nh.example\tFALSE\t/\tFALSE\t0\tb\t2\n";
    let jar = CookieJar::parse_netscape(text).unwrap();
    assert_eq!(cookie_for(&jar, "http://h.example/", None).unwrap(), "b=2");
}

#[test]
fn clones_of_a_jar_share_their_cookies_between_threads() {
    let jar = CookieJar::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let jar = jar.clone();
            scope.spawn(move || {
                let url = HttpUrl::of(&format!("http://h{number}.example/"));
                for round in 0..100 {
                    jar.learn(&url, &response(&[&format!("a={round}")]));
                    let sent = jar.cookie_for(&url, None).unwrap();
                    assert_eq!(sent, format!("a={round}").as_str());
                }
            });
        }
    });
    assert_eq!(jar.len(), 8);
}
