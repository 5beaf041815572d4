//! What is asked of the engine when somebody looks.

use std::fmt;

use haulage::{Engine, HostSnapshot};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The most hosts that have metrics of their own, the busiest ones.
const MOST_HOSTS: usize = 50;

/// Asks an engine what is in flight.
#[derive(Debug)]
pub(super) struct OfEngine(pub(super) Engine);

impl Collector for OfEngine {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.0.snapshot(MOST_HOSTS);
        let help = "Bytes of bodies received, those of fetched lists included";
        let bytes = ConstCounter::new(now.received_bytes);
        bytes.encode(out.encode_descriptor(
            "bytes_received",
            help,
            None,
            MetricType::Counter,
        )?)?;
        for (name, help, value) in [
            ("requests_in_flight", "Requests in flight", now.in_flight),
            (
                "requests_limit",
                "Requests that may be in flight now, in all",
                now.limit,
            ),
            (
                "queue_rows",
                "Requests that wait for a slot, for their host or for their retry",
                now.queued,
            ),
            (
                "open_connections",
                "Open connections, idle ones included",
                now.open_connections,
            ),
            ("hosts", "Hosts that have work or connections", now.hosts),
        ] {
            let value = gauge(value);
            value.encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        of_hosts(
            &mut out,
            "host_requests_in_flight",
            "Requests in flight to a host, for the 50 busiest hosts",
            &now.busiest,
            |host| host.in_flight,
        )?;
        of_hosts(
            &mut out,
            "host_limit",
            "Requests that may be in flight to a host, for the 50 busiest hosts",
            &now.busiest,
            |host| host.limit,
        )
    }
}

/// Adds a gauge with a value for each host.
fn of_hosts(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    hosts: &[HostSnapshot],
    value: impl Fn(&HostSnapshot) -> usize,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for host in hosts {
        gauge(value(host)).encode(family.encode_family(&[("host", &*host.host)])?)?;
    }
    Ok(())
}

fn gauge(value: usize) -> ConstGauge {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
