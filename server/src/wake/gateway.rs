//! The operator's push gateway: one address, told one thing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore, crypto};

/// What every request says.
const BODY: &str = "wake\n";
/// The header with the token, in hexadecimal digits.
const TOKEN: &str = "waymark-token";
/// How long a gateway may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where devices are woken from.
#[derive(Clone, Debug)]
pub struct Gateway {
    client: Client,
    url: Url,
}

/// Why an address is none of a gateway's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// It is no URL with a host.
    #[error("{0} is no address of a push gateway: https://host/path")]
    Address(String),
    /// It is within a network of one's own.
    #[error("{0} is a private address: allow that where the gateway really stands there")]
    Private(String),
    /// It would be told in clear who is woken.
    #[error("{0} is not https, and not within a network of one's own")]
    Plaintext(String),
    /// There is no HTTP client.
    #[error("there is no HTTP client: {0}")]
    Client(String),
}

/// What a gateway answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// It was not reached, or would not.
    Failed,
    /// It wakes the device.
    Taken,
    /// It does not know the token, or not any more.
    Unknown,
}

impl Gateway {
    /// The gateway at `address`. Unless `may_be_private`, only addresses of the public Internet are
    /// spoken to, whatever its name resolves to, and only by TLS.
    ///
    /// # Errors
    /// [`GatewayError`] where the address cannot be one.
    pub fn new(address: &str, may_be_private: bool) -> Result<Self, GatewayError> {
        let no_address = || GatewayError::Address(address.to_owned());
        let url = Url::parse(address).map_err(|_| no_address())?;
        let host = url.host_str().ok_or_else(no_address)?;
        match url.scheme() {
            "https" => {}
            "http" if may_be_private => {}
            "http" => return Err(GatewayError::Plaintext(address.to_owned())),
            _ => return Err(no_address()),
        }
        // Numbers are not resolved.
        let number = host.trim_start_matches('[').trim_end_matches(']');
        let number: Option<IpAddr> = number.parse().ok();
        if number.is_some_and(|number| !is_public(number)) && !may_be_private {
            return Err(GatewayError::Private(address.to_owned()));
        }
        let fail = |why: &dyn std::fmt::Display| GatewayError::Client(why.to_string());
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| fail(&why))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(Resolver { may_be_private }))
            .no_proxy()
            .build()
            .map_err(|why| fail(&why))?;
        Ok(Self { client, url })
    }

    /// Has the device of this token woken.
    pub(crate) async fn tell(&self, token: &[u8]) -> Told {
        let request = self
            .client
            .post(self.url.clone())
            .header(TOKEN, digits(token))
            .body(BODY);
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Told::Taken,
            Ok(StatusCode::NOT_FOUND | StatusCode::GONE) => Told::Unknown,
            Ok(status) => {
                tracing::warn!(status = status.as_u16(), "the push gateway would not");
                Told::Failed
            }
            Err(error) => {
                // Without the address, which may hold the operator's secret.
                let error = error.without_url();
                tracing::warn!(%error, "the push gateway was not reached");
                Told::Failed
            }
        }
    }
}

fn digits(token: &[u8]) -> String {
    token.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Resolves names, and lets no private address through where none may be spoken to: the addresses that
/// are looked at are those that are connected to.
struct Resolver {
    may_be_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let may_be_private = self.may_be_private;
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good = |address: &SocketAddr| may_be_private || is_public(address.ip());
            let good: Vec<SocketAddr> = all.filter(good).collect();
            if good.is_empty() {
                return Err(io::Error::other("it has no public address").into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public Internet, by the special-purpose registries of IANA.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared by a provider's customers, of protocols, for measurements, and to relays of 6to4.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (18..20).contains(&b))
        || (a, b, c) == (192, 88, 99);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // What is another address in disguise is judged as that.
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b] {
        [0x64, 0xff9b] if [c, d, e, f] == [0; 4] => inside(g, h),
        [0x2002, high] => inside(high, c),
        // Teredo, protocols, and documentation.
        [0x2001, ..0x200] | [0x2001, 0xdb8] | [0x3fff, ..0x1000] => false,
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever may name a gateway could otherwise have a relay knock at what only its own network sees.
    #[test]
    fn private_addresses_are_none_of_a_gateway() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "2001:db8::1",
            "2001::1",
            "3fff:1::1",
            "::10.0.0.1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::808:808",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_looked_at_before_anything_is_sent() {
        let refused = |address: &str| Gateway::new(address, false).unwrap_err();
        for address in [
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://2130706433/x",
        ] {
            assert!(
                matches!(refused(address), GatewayError::Private(_)),
                "{address}"
            );
            assert!(Gateway::new(address, true).is_ok(), "{address}");
        }
        let clear = refused("http://push.example.org/x");
        assert!(matches!(clear, GatewayError::Plaintext(_)));
        for address in ["ftp://push.example.org", "nothing", "https://"] {
            assert!(
                matches!(refused(address), GatewayError::Address(_)),
                "{address}"
            );
            assert!(Gateway::new(address, true).is_err(), "{address}");
        }
        assert!(Gateway::new("https://push.example.org/wake", false).is_ok());
    }
}
