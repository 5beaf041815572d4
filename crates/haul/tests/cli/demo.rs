//! `haul demo`, as somebody meets it who has just built the command.

use origin::flags::CODES;

use crate::Sandbox;

#[test]
fn the_demo_downloads_twenty_flags_and_does_so_again() {
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        let ran = sandbox.haul(&["demo"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
        assert_eq!(
            sandbox.names("downloads").len(),
            20,
            "the workspace is still there"
        );
        for code in CODES {
            let image =
                std::fs::read(sandbox.path().join(format!("downloads/{code}.gif"))).unwrap();
            assert_eq!(Some(image), origin::flags::gif(code), "{code}");
            assert!(
                ran.stderr.contains(&format!("start  {code}\n")),
                "{}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains(&format!("done   {code} ")),
                "{}",
                ran.stderr
            );
        }
        assert!(
            ran.stderr.contains("20 done, 0 skipped, 0 failed · "),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr
                .contains("haul -d downloads -j 4 'http://flupy.org/data/flags/{<cc>cn,")
        );
    }
}

#[test]
fn never_more_than_four_are_under_way() {
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&["demo", "-d", "elsewhere"]);
    assert_eq!(sandbox.names("elsewhere").len(), 20);
    let mut under_way = 0;
    for line in ran.stderr.lines() {
        if line.starts_with("start") {
            under_way += 1;
        } else if line.starts_with("done") {
            under_way -= 1;
        }
        assert!(under_way <= 4, "{}", ran.stderr);
    }
}
