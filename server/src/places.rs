//! What an address says of where somebody is.

use std::net::{IpAddr, Ipv6Addr};

/// What counts as one caller: whoever has one address of IPv6 has its whole network of 64 bits. One of
/// IPv4 within IPv6 is itself, and this machine stays as it is.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))
        }
        other => other,
    }
}

/// Whether a host, by name or number, is this machine.
#[cfg(feature = "postgres")]
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
