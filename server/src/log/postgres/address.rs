//! Where the database is, and how a relay connects to it: patiently, and under TLS where its address
//! asks for that.

use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use super::tls::MakeTls;
use crate::places::is_this_machine;

/// How long a silent network is waited for.
const SILENCE: Duration = Duration::from_secs(10);

/// Where the database of a relay of several nodes is: `postgres://user@host:port/database`. The
/// password may stand there, or in the environment as `PGPASSWORD`, where `ps` does not show it.
///
/// With `sslmode=require` or `sslmode=verify-full`, which are one here, nothing is said to the
/// database before it has shown a certificate for its name. Any other mode means no TLS: one that an
/// attacker can talk out of it protects nobody.
#[derive(Clone)]
pub struct StoreAddress {
    config: Config,
    tls: Option<MakeTls>,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreAddressError {
    /// It is none.
    #[error("this is no address of a PostgreSQL database: {0}")]
    Malformed(#[from] tokio_postgres::Error),
    /// The certificates to trust cannot be read.
    #[error("there are no certificates in {}: {why}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl StoreAddress {
    /// Trusts the authorities in a PEM file, and no others. Matters only under TLS; without this the
    /// web's authorities are trusted.
    ///
    /// # Errors
    /// [`StoreAddressError::Roots`] where there are none in it.
    pub fn trusting(mut self, path: &Path) -> Result<Self, StoreAddressError> {
        let roots = roots(path).map_err(|why| StoreAddressError::Roots {
            path: path.to_path_buf(),
            why,
        })?;
        if self.tls.is_some() {
            self.tls = Some(tls(roots)?);
        }
        Ok(self)
    }

    /// Gives this password, whatever the address and the environment say.
    #[must_use]
    pub fn with_password(mut self, password: &[u8]) -> Self {
        self.config.password(password);
        self
    }

    /// Whether what is said to the database stays on this machine, or is sealed on its way.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let is_here = |host: &Host| match host {
            Host::Tcp(name) => is_this_machine(name),
            #[cfg(unix)]
            Host::Unix(_) => true,
        };
        // Where both are given it is the second that is connected to, whatever the first says.
        let are_here = self.config.get_hosts().iter().all(is_here)
            && self.config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        are_here || self.tls.is_some()
    }

    /// Connects. What drives the connection is another task of the runtime that this runs on: it ends
    /// with the client, or tells it that the server is gone.
    pub(super) async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let mut config = self.config.clone();
        // It does not wait for ever for a machine that is gone.
        config
            .application_name("waymark-server")
            .connect_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .tcp_user_timeout(SILENCE);
        match &self.tls {
            Some(tls) => Ok(driven(config.connect(tls.clone()).await?)),
            None => Ok(driven(config.connect(NoTls).await?)),
        }
    }
}

/// Has a connection driven.
fn driven<S>((client, connection): (Client, Connection<Socket, S>)) -> Client
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(connection);
    client
}

impl FromStr for StoreAddress {
    type Err = StoreAddressError;

    fn from_str(text: &str) -> Result<Self, StoreAddressError> {
        let mut config: Config = verifying(text).parse()?;
        if config.get_password().is_none()
            && let Some(password) = std::env::var_os("PGPASSWORD")
        {
            config.password(password.as_encoded_bytes());
        }
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(tls(webpki_roots::TLS_SERVER_ROOTS
                .iter()
                .cloned()
                .collect())?)
        } else {
            config.ssl_mode(SslMode::Disable);
            None
        };
        Ok(Self { config, tls })
    }
}

/// Those that name the same database in the same way.
impl PartialEq for StoreAddress {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

/// Without the password.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreAddress")
    }
}

/// The address with the one mode that the library does not know written as the one that means the
/// same here.
fn verifying(text: &str) -> String {
    const FULL: &str = "sslmode=verify-full";
    let ends_word = |c: char| c == '&' || c == '?' || c.is_whitespace();
    let mut rest = text;
    let mut written = String::with_capacity(text.len());
    while let Some(at) = rest.find(FULL) {
        let (before, after) = (&rest[..at], &rest[at + FULL.len()..]);
        let is_word = (at == 0 && written.is_empty() || before.ends_with(ends_word))
            && (after.is_empty() || after.starts_with(ends_word));
        written.push_str(before);
        written.push_str(if is_word { "sslmode=require" } else { FULL });
        rest = after;
    }
    written + rest
}

/// The authorities in a PEM file.
fn roots(path: &Path) -> Result<RootCertStore, String> {
    let pem = fs::read(path).map_err(|why| why.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|why| why.to_string())?;
        roots.add(certificate).map_err(|why| why.to_string())?;
    }
    if roots.is_empty() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).to_string());
    }
    Ok(roots)
}

fn tls(roots: RootCertStore) -> Result<MakeTls, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeTls(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_private(address: &str) -> bool {
        address.parse::<StoreAddress>().unwrap().is_private()
    }

    /// Passwords and everything that the relay keeps would otherwise travel in clear without anybody
    /// having asked for it.
    #[test]
    fn only_what_stays_here_or_is_sealed_is_private() {
        for here in [
            "postgres://u@localhost/db",
            "postgres://u@127.0.0.1/db",
            "postgres://u@[::1]/db",
            "postgres://u@%2Fvar%2Frun%2Fpostgresql/db",
            "postgres://u@localhost/db?hostaddr=127.0.0.9",
            "postgres://u@localhost,127.0.0.1/db",
            "host=localhost user=u",
        ] {
            assert!(is_private(here), "{here}");
        }
        for elsewhere in [
            "postgres://u@192.0.2.1/db",
            "postgres://u@db.example/db",
            "postgres://u@localhost.example/db",
            "postgres://u@localhost,192.0.2.1/db",
            "postgres://u@localhost/db?hostaddr=10.0.0.5",
            "postgres://u@127.0.0.1/db?hostaddr=10.0.0.5",
            "postgres://u@/db?hostaddr=10.0.0.5",
            "postgres://u@localhost,localhost/db?hostaddr=127.0.0.1,10.0.0.5",
            "host=localhost hostaddr=10.0.0.5 user=u",
        ] {
            assert!(!is_private(elsewhere), "{elsewhere}");
            let separator = match (elsewhere.contains("://"), elsewhere.contains('?')) {
                (false, _) => ' ',
                (true, false) => '?',
                (true, true) => '&',
            };
            for (mode, is_sealed) in [
                ("disable", false),
                // Whoever stands between can talk both sides out of it.
                ("prefer", false),
                ("require", true),
                ("verify-full", true),
            ] {
                let address = format!("{elsewhere}{separator}sslmode={mode}");
                assert_eq!(is_private(&address), is_sealed, "{address}");
            }
        }
    }

    /// A password is not rewritten, whatever stands in it.
    #[test]
    fn only_the_mode_is_rewritten() {
        for (given, read) in [
            (
                "postgres://h/d?sslmode=verify-full",
                "postgres://h/d?sslmode=require",
            ),
            (
                "postgres://u:sslmode=verify-full@h/d?a=b&sslmode=verify-full&c=d",
                "postgres://u:sslmode=verify-full@h/d?a=b&sslmode=require&c=d",
            ),
            ("sslmode=verify-full host=h", "sslmode=require host=h"),
            (
                "host=h password=xsslmode=verify-full",
                "host=h password=xsslmode=verify-full",
            ),
        ] {
            assert_eq!(verifying(given), read);
        }
        let unknown = "postgres://h/d?sslmode=verify-none".parse::<StoreAddress>();
        assert!(matches!(unknown, Err(StoreAddressError::Malformed(_))));
    }

    #[test]
    fn authorities_that_are_none_are_refused_with_their_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let address: StoreAddress = "postgres://h/d?sslmode=require".parse().unwrap();
        let refused = address.clone().trusting(file.path()).unwrap_err();
        let name = file.path().to_str().unwrap();
        assert!(refused.to_string().contains(name), "{refused}");
        assert!(address.trusting(Path::new("/nowhere")).is_err());
    }
}
