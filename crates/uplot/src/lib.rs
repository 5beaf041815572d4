//! uPlot 1.6.32 (MIT), which draws charts in a browser: for reports, and for the daemon's page.
//!
//! `vendor` has three files of its npm package as they are. To update them: `npm pack uplot`, copy
//! `dist/uPlot.iife.min.js`, `dist/uPlot.min.css` and `LICENSE`, and run `python3 -m bench report`
//! and `python3 -m bench page`.

/// The script, which defines `uPlot`.
pub const SCRIPT: &str = include_str!("../vendor/uPlot.iife.min.js");
/// The style sheet.
pub const STYLE: &str = include_str!("../vendor/uPlot.min.css");
