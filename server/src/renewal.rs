//! What is read anew at SIGHUP: the relay goes on serving, and connections that stand are not touched.

use std::path::PathBuf;

use waymark_server::{Certificate, Replacing, Tokens};

use crate::End;
use crate::flags::Serving;

/// The files of which an operator may change the contents while the relay serves.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    tokens: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
}

impl Files {
    /// Those that were named.
    pub(crate) fn of(flags: &Serving) -> Result<Self, End> {
        let certificate = match (&flags.tls_certificate_file, &flags.tls_key_file) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            _ => {
                return Err(End::WrongUse(
                    "tls_certificate_file and tls_key_file are of use only together".into(),
                ));
            }
        };
        Ok(Self {
            tokens: flags.admission_file.clone(),
            certificate,
        })
    }

    /// Whether the relay speaks under TLS.
    pub(crate) const fn have_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// The tokens, where some are needed.
    pub(crate) fn tokens(&self) -> Result<Option<Tokens>, String> {
        let tokens = self.tokens.as_deref().map(Tokens::read).transpose();
        tokens.map_err(|why| why.to_string())
    }

    /// The certificate, where there is one.
    pub(crate) fn certificate(&self) -> Result<Option<Certificate>, String> {
        let files = self.certificate.as_ref();
        let certificate = files.map(|(certificate, key)| Certificate::read(certificate, key));
        certificate.transpose().map_err(|why| why.to_string())
    }

    /// Reads them anew. What cannot be used stays as it was.
    fn renew(&self, replacing: &Replacing) {
        match self.tokens() {
            Ok(Some(tokens)) => {
                replacing.tokens(tokens);
                tracing::info!("the tokens were read anew");
            }
            Ok(None) => {}
            Err(why) => tracing::error!("the tokens stay as they were: {why}"),
        }
        match self.certificate() {
            Ok(Some(certificate)) => {
                replacing.certificate(certificate);
                tracing::info!("the certificate was read anew");
            }
            Ok(None) => {}
            Err(why) => tracing::error!("the certificate stays as it was: {why}"),
        }
    }

    /// Reads them anew at each SIGHUP, for as long as the relay serves.
    pub(crate) fn renew_when_asked(self, replacing: Replacing) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut asked = signal(SignalKind::hangup())?;
            tokio::spawn(async move {
                while asked.recv().await.is_some() {
                    self.renew(&replacing);
                }
            });
        }
        #[cfg(not(unix))]
        let _ = (self, replacing);
        Ok(())
    }
}
