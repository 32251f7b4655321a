//! What the relay proves its name with, and how it is replaced while the relay serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

/// A certificate with those that vouch for it, and its private key.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<CertifiedKey>);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file holds nothing that could be read.
    #[error("there is no {what} in {}: {why}", path.display())]
    File {
        /// What should be there.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// They do not belong together, or are of a kind that is not known here.
    #[error("the certificate in {} cannot be used: {why}", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        why: rustls::Error,
    },
}

impl Certificate {
    /// Reads two PEM files: the certificate with those that vouch for it behind it, and its key.
    ///
    /// # Errors
    /// [`CertificateError`] where they cannot be used together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let wrong = |what, path: &Path, why: String| CertificateError::File {
            what,
            path: path.to_path_buf(),
            why,
        };
        let what = "certificate";
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|why| wrong(what, certificate, why.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(what, certificate, "nothing in it is one".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|why| wrong("private key", key, why.to_string()))?;
        let certified = CertifiedKey::from_der(chain, key, &provider());
        let certified = certified.map_err(|why| CertificateError::Pair {
            path: certificate.to_path_buf(),
            why,
        })?;
        Ok(Self(Arc::new(certified)))
    }
}

/// The certificate that is shown now. Connections that stand go on with the one that they have seen.
#[derive(Debug)]
pub(crate) struct Shown(RwLock<Certificate>);

impl Shown {
    /// Shows this one first.
    pub(crate) fn new(first: Certificate) -> Arc<Self> {
        Arc::new(Self(RwLock::new(first)))
    }

    /// Shows another one from now on.
    pub(crate) fn replace(&self, by: Certificate) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// What makes connections with it.
    ///
    /// # Errors
    /// [`rustls::Error`] where TLS cannot be set up.
    pub(crate) fn acceptor(self: Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(shown.0.clone())
    }
}

fn provider() -> CryptoProvider {
    crypto::ring::default_provider()
}
