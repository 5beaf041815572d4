//! What somebody sees who does not know haul yet.

use std::process::Stdio;

use crate::{Ran, Sandbox};

/// The status is 2, as of other tools that need an operand (uv, ripgrep): nothing was downloaded,
/// and a script in which the variable with the URL is empty must notice. It is no error message,
/// though: whoever types `haul` wants to know what it is.
#[test]
fn haul_alone_says_how_to_begin() {
    let sandbox = Sandbox::new();
    let ran = sandbox.haul(&[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let examples = lines.iter().filter(|line| line.starts_with("  haul "));
    assert_eq!(examples.count(), 3, "{}", ran.stdout);
    assert!(lines.len() <= 10, "{}", ran.stdout);
    assert!(ran.stdout.contains("haul --help"), "{}", ran.stdout);
    assert!(lines.iter().all(|line| line.len() <= 80), "{}", ran.stdout);
    assert!(sandbox.names(".").is_empty());
}

#[test]
fn haul_alone_below_a_pipe_says_how_to_read_it() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&[]);
    let ran: Ran = command.stdin(Stdio::piped()).output().unwrap().into();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("haul -i -"), "{}", ran.stderr);
}

#[test]
fn short_help_fits_one_screen_and_leads_to_the_rest() {
    let sandbox = Sandbox::new();
    for arguments in [&["-h"][..], &["-vh"], &["-j", "4", "-h"]] {
        let mut command = sandbox.command(arguments);
        let ran: Ran = command.env("COLUMNS", "80").output().unwrap().into();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert!(lines.len() <= 40, "{} lines: {}", lines.len(), ran.stdout);
        let is_wide = |line: &&str| line.chars().count() > 80;
        assert!(!lines.iter().any(is_wide), "{}", ran.stdout);
        for part in [
            "--input",
            "--dir",
            "--jobs",
            "Examples:",
            "results",
            "haul --help",
        ] {
            assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
        }
    }
}

#[test]
fn long_help_is_by_task_and_ends_with_examples() {
    let help = Sandbox::new().haul(&["--help"]).stdout;
    let is_heading = |line: &&str| line.ends_with(':') && !line.starts_with(' ');
    let headings: Vec<&str> = help.lines().filter(is_heading).collect();
    let expected = [
        "Commands:",
        "Arguments:",
        "Options:",
        "Input:",
        "Files:",
        "Speed and limits:",
        "Retries and timeouts:",
        "Requests:",
        "Network:",
        "Logins and cookies:",
        "Certificates and TLS:",
        "Proxies:",
        "Reports:",
        "Configuration:",
        "Exit status:",
        "Examples:",
    ];
    assert_eq!(headings, expected);
}
