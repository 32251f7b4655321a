//! What nodes say to their database and to each other, where somebody reads the network in between.

use crate::authority::Authority;
use crate::checking::is_sound_with;
use crate::engines::{NatsServer, PostgresServer, psql};
use crate::live::Live;
use crate::nodes::{Nodes, space_at, until};
use crate::process::{run, sentence};

/// Whoever reads the network would otherwise see which spaces are written to, and the password.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_speak_under_tls_to_a_database_and_a_bus_that_prove_their_names() {
    let test = "sealed::nodes_speak_under_tls_to_a_database_and_a_bus_that_prove_their_names";
    let authority = Authority::new();
    let Some(postgres) = PostgresServer::sealed(test, &authority) else {
        return;
    };
    let Some(nats) = NatsServer::sealed(test, &authority) else {
        return;
    };
    let store = postgres.sealed_database();
    let file = authority.file();
    let file = file.to_str().unwrap();
    let place = ["--store", store.as_str(), "--store-ca-file", file];
    let bus = ["--bus", nats.address.as_str(), "--bus-ca-file", file];
    // The nodes would look by themselves long after the test has given up.
    let flags = [&place[2..], &bus, &["--poll-seconds", "3600"]].concat();
    let nodes = Nodes::start(2, &store, &flags);
    let mut client = nodes.client(0).await;
    let (mut space, second) = space_at(&mut client).await;
    let mut live = Live::over(nodes.client(1).await, &[&space], 0).await;
    until(&mut live, 0, 2).await;
    let batch = space.batch(second);
    client.taken(&space.request(vec![batch], &[])).await;
    until(&mut live, 2, 3).await;
    let in_clear = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl)
                    FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                    WHERE application_name = 'waymark-server'";
    let plain = store.replace("&sslmode=verify-full", "");
    let counted = psql(&plain, in_clear);
    let (sealed, clear) = counted.split_once('|').unwrap();
    assert!(sealed.parse::<u32>().unwrap() > 0, "{counted}");
    assert_eq!(clear, "0");
    is_sound_with(&place);
}

/// One who stands between could otherwise show a certificate of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_prove_its_name_is_told_nothing() {
    let test = "sealed::a_database_that_does_not_prove_its_name_is_told_nothing";
    let authority = Authority::new();
    let Some(postgres) = PostgresServer::sealed(test, &authority) else {
        return;
    };
    let store = postgres.sealed_database();
    let refused = |store: &str, ca_file: Option<&str>| {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().to_str().unwrap();
        let mut flags = vec!["--listen", "127.0.0.1:0", "--data", data, "--store", store];
        flags.extend(
            ca_file
                .into_iter()
                .flat_map(|file| ["--store-ca-file", file]),
        );
        sentence(&flags)
    };
    // By an authority that nobody trusts, by another one, and for another name.
    let other = Authority::new();
    let (file, other) = (authority.file(), other.file());
    let (file, other) = (file.to_str(), other.to_str());
    let elsewhere = store.replace("@localhost:", "@127.0.0.1:");
    for (store, ca_file) in [(&store, None), (&store, other), (&elsewhere, file)] {
        let (code, text) = refused(store, ca_file);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("error performing TLS handshake"), "{text}");
    }
    // Where the server has no TLS, nothing goes out either.
    let Some(plain) = PostgresServer::common(test) else {
        return;
    };
    let (code, text) = refused(&plain.sealed_database(), file);
    assert_eq!(code, Some(1));
    assert!(text.contains("error performing TLS handshake"), "{text}");
}

/// The password of a database would otherwise travel in clear for whoever looks only now and then.
#[test]
fn no_verb_speaks_in_clear_beyond_this_machine_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let place = ["--data", data];
    for store in [
        "postgres://u:secret@192.0.2.1/db",
        "postgres://u:secret@localhost/db?hostaddr=192.0.2.1",
        "postgres://u:secret@192.0.2.1/db?sslmode=prefer",
    ] {
        for verb in [&["serve"][..], &[], &["check"], &["stats"], &["restore"]] {
            let args = [verb, &place, &["--store", store]].concat();
            let (code, text) = sentence(&args);
            assert_eq!(code, Some(2), "{args:?}: {text}");
            assert!(text.contains("--allow-plaintext"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
    // Asked for, it is tried: here at a port where nobody listens.
    let nobody = "postgres://u@127.0.0.1:1/db?connect_timeout=1";
    for verb in ["check", "stats", "restore"] {
        let asked = run(&[verb, "--store", nobody, "--allow-plaintext"]);
        let said = String::from_utf8(asked.stderr).unwrap();
        assert!(said.contains("cannot be used"), "{said}");
    }
}
