//! Free ports that stay free.

use quorate_clocks::SplitMix64;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below this, ports belong to well-known services.
const LOWEST: u16 = 10_240;
/// Where Linux takes the ports of outgoing connections from when it does not say otherwise.
const USUAL_EPHEMERAL_START: u16 = 32_768;
/// How many ports are tried for each that is wanted.
const TRIES_PER_PORT: usize = 200;

/// Loopback addresses with ports on which nobody listens.
///
/// A node that was killed has to find its port free again, so none is taken from the range of
/// outgoing connections: there, the next connection of anybody may take the port meanwhile. Even the
/// other nodes' attempts to reach the dead one may: on loopback, a connection from a port to itself
/// succeeds.
pub(super) fn free_addresses(count: usize, random: &mut SplitMix64) -> Option<Vec<SocketAddr>> {
    let end = ephemeral_start().max(LOWEST + 1_000);
    let mut chosen = BTreeSet::new();
    for _ in 0..count.saturating_mul(TRIES_PER_PORT) {
        if chosen.len() == count {
            break;
        }
        let offset = random.below(u64::from(end - LOWEST));
        let port = LOWEST + u16::try_from(offset).unwrap_or_default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if !chosen.contains(&address) && TcpListener::bind(address).is_ok() {
            chosen.insert(address);
        }
    }
    (chosen.len() == count).then(|| chosen.into_iter().collect())
}

/// The first port that outgoing connections use.
fn ephemeral_start() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL_EPHEMERAL_START)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::random;

    #[test]
    fn addresses_differ_and_can_be_listened_on() {
        let addresses = free_addresses(6, &mut random::stream(3, 0)).unwrap();
        assert_eq!(addresses.len(), 6);
        let listeners: Vec<_> = addresses.iter().map(TcpListener::bind).collect();
        assert!(listeners.iter().all(Result::is_ok), "{addresses:?}");
    }
}
