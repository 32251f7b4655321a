//! HTTP through reqwest, TLS through rustls on ring.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore, crypto};

use crate::sync::Failure;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// For a whole answer that is not streamed.
const WHOLE: Duration = Duration::from_secs(60);
/// Between two pieces of a streamed answer: more than the longest heartbeat.
const BETWEEN: Duration = Duration::from_secs(90);
/// Bytes of an answer that is read whole, at most.
const ANSWER: usize = 4 * 1024 * 1024;

/// An HTTP client that trusts the web's roots and those that it is given.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct HttpError(String);

impl Http {
    /// A client. `roots` are further certificates to trust, in DER, for relays that an operator
    /// runs under an authority of its own.
    ///
    /// # Errors
    /// [`HttpError`] where a root is no certificate.
    pub fn new(roots: &[Vec<u8>]) -> Result<Self, HttpError> {
        let fail = |e: &dyn std::fmt::Display| HttpError(e.to_string());
        let mut store = RootCertStore::empty();
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for root in roots {
            store.add(root.clone().into()).map_err(|e| fail(&e))?;
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| fail(&e))?
            .with_root_certificates(store)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .connect_timeout(CONNECT)
            .read_timeout(BETWEEN)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|e| fail(&e))?;
        Ok(Self(client))
    }

    /// Posts a body; the answer's head is there when this returns.
    pub(super) async fn post(
        &self,
        url: &str,
        body: Vec<u8>,
        streamed: bool,
    ) -> Result<reqwest::Response, Failure> {
        let mut request = self.0.post(url).body(body);
        if !streamed {
            request = request.timeout(WHOLE);
        }
        request.send().await.map_err(|error| failure(&error))
    }

    /// The seconds after which a relay that refuses says to come back.
    pub(super) fn wait(response: &reqwest::Response) -> Option<u32> {
        if response.status().is_success() {
            return None;
        }
        let told = response.headers().get(reqwest::header::RETRY_AFTER)?;
        told.to_str().ok()?.trim().parse().ok()
    }

    /// Reads an answer whole, up to its limit.
    pub(super) async fn whole(response: &mut reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + piece.len() > ANSWER {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

pub(super) fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// reqwest takes the TLS set-up untyped and would find a mismatch only here.
    #[test]
    fn a_client_is_built_on_the_tls_set_up() {
        assert!(Http::new(&[]).is_ok());
        assert!(Http::new(&[vec![1, 2, 3]]).is_err());
    }
}
