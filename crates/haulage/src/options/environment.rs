//! Whether variables of the environment count.

/// Whether variables of the environment of this process are read. The library reads none, unless it
/// is asked to.
///
/// ```
/// use haulage::{Environment, RunOptions};
///
/// let mut options = RunOptions::new("downloads");
/// // As curl does: http_proxy, https_proxy, all_proxy, no_proxy.
/// options.route.environment = Environment::Read;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// None is read.
    #[default]
    Ignored,
    /// Those that name proxies are read when a run begins, for what its
    /// [`Proxies`](crate::Proxies) leave open.
    Read,
}
