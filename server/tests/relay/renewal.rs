//! Certificate and tokens, and how they are replaced while the program serves.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use waymark_wire::codec::Bytes;
use waymark_wire::message::RefusalCode;

use crate::authority::Authority;
use crate::client::Client;
use crate::process::{Program, sentence};
use crate::testing::Space;

/// A connection under TLS, to a server that proves its name to this authority.
async fn sealed(program: &Program, by: &Authority) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(by.file()).unwrap())
        .unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(&program.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn is_trusted(program: &Program, by: &Authority) -> bool {
    sealed(program, by).await.is_ok()
}

/// A program with a log that can be read.
struct Logged {
    program: Program,
    log: std::path::PathBuf,
    _directory: TempDir,
}

impl Logged {
    fn start(directory: TempDir, flags: &[&str]) -> Self {
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        let usual = ["--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        let program = Program::logging(&[&usual, flags].concat(), &log);
        Self {
            program,
            log,
            _directory: directory,
        }
    }

    /// Has it read its files anew, and waits until it says this of it.
    async fn renew(&self, expected: &str) {
        let said = || fs::read_to_string(&self.log).unwrap();
        let before = said().matches(expected).count();
        self.program.signal("HUP");
        for _ in 0..500 {
            if said().matches(expected).count() > before {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no {expected:?} in {}", said());
    }
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).to_str().unwrap().to_owned()
}

/// A certificate lasts for weeks, and a session in which a client and a therapist write for an hour;
/// and an operator's slip at night must not close the relay until the morning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_and_what_stands_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().to_path_buf();
    let (first, second) = (Authority::new(), Authority::new());
    first.vouch(&place);
    let (certificate, key) = (path(&place, "certificate.pem"), path(&place, "key.pem"));
    let flags = [
        "--tls-certificate-file",
        &certificate,
        "--tls-key-file",
        &key,
    ];
    let relay = Logged::start(directory, &flags);
    let program = &relay.program;
    assert!(!is_trusted(program, &second).await);
    let mut stands = Client::over(sealed(program, &first).await.unwrap(), program.key);
    let mut space = Space::found(1);
    stands.taken(&space.create()).await;

    second.vouch(&place);
    relay.renew("the certificate was read anew").await;
    assert!(is_trusted(program, &second).await);
    assert!(!is_trusted(program, &first).await);
    let batch = space.batch(0);
    stands.taken(&space.request(vec![batch], &[])).await;

    // Cut off, gone, and of another key.
    let whole = fs::read(&certificate).unwrap();
    let other = tempfile::tempdir().unwrap();
    second.vouch(other.path());
    let stays = "the certificate stays as it was";
    fs::write(&certificate, &whole[..whole.len() / 2]).unwrap();
    relay.renew(stays).await;
    fs::remove_file(&certificate).unwrap();
    relay.renew(stays).await;
    fs::copy(other.path().join("certificate.pem"), &certificate).unwrap();
    relay.renew(stays).await;
    let mut after = Client::over(sealed(program, &second).await.unwrap(), program.key);
    let batch = space.batch(0);
    assert_eq!(
        after.taken(&space.request(vec![batch], &[])).await.seqs,
        [3]
    );
    // Who speaks in clear is not understood, and costs nobody else anything.
    let mut clear = program.client().await;
    clear
        .raw(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n")
        .await;
    while clear.more().await {}
    assert!(is_trusted(program, &second).await);
}

/// Whoever has a token that was taken back could otherwise go on until the next restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_taken_back_while_it_serves() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    let name = tokens.to_str().unwrap().to_owned();
    fs::write(&tokens, "first\nsecond\n").unwrap();
    let relay = Logged::start(directory, &["--admission-file", &name]);
    let mut client = relay.program.client().await;
    let mut seed = 0;
    let mut answer = async |token: &[u8]| {
        seed += 1;
        let mut create = Space::found(seed).create();
        create.admission = Some(Bytes(token.to_vec()));
        let answer = client.append(&create).await;
        if answer.status != 200 {
            assert_eq!(answer.refusal().code, RefusalCode::Admission);
        }
        answer.status
    };
    assert_eq!(
        [answer(b"first").await, answer(b"second").await],
        [200, 200]
    );
    fs::write(&tokens, "second\nthird\n").unwrap();
    relay.renew("the tokens were read anew").await;
    assert_eq!([answer(b"first").await, answer(b"third").await], [403, 200]);
    // A file that was emptied by mistake opens the relay to nobody, and closes it to nobody.
    fs::write(&tokens, "").unwrap();
    relay.renew("the tokens stay as they were").await;
    assert_eq!(
        [answer(b"first").await, answer(b"second").await],
        [403, 200]
    );
    let said = fs::read_to_string(&relay.log).unwrap();
    assert!(
        !["first", "second", "third"]
            .iter()
            .any(|token| said.contains(token)),
        "{said}"
    );
}

/// A relay that says that it is safe has to be.
#[test]
fn a_certificate_that_cannot_be_used_keeps_it_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    Authority::new().vouch(directory.path());
    let file = |name| path(directory.path(), name);
    let (data, certificate, key) = (file("data"), file("certificate.pem"), file("key.pem"));
    let refused = |flags: &[&str]| sentence(&[&["--data", &data], flags].concat());
    let (code, text) = refused(&["--tls-certificate-file", &certificate]);
    assert_eq!(code, Some(2));
    assert!(text.contains("only together"), "{text}");
    let swapped = [
        "--tls-certificate-file",
        &key,
        "--tls-key-file",
        &certificate,
    ];
    let (code, text) = refused(&swapped);
    assert_eq!(code, Some(1));
    assert!(text.contains("there is no certificate in"), "{text}");
}
