//! A relay over two databases.

use std::collections::BTreeMap;
use std::fs;

use waymark_wire::codec::Bytes;
use waymark_wire::message::{MAILBOX_PATH, MailboxAnswer, MailboxId, MailboxRequest, MailboxSlot};

use crate::engines::{PostgresServer, psql};
use crate::process::{Program, check, run, sentence};
use crate::testing::Space;

/// What a verb says of the relay of this file.
fn said(verb: &[&str], file: &str) -> String {
    let output = run(&[verb, &["--config", file]].concat());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

/// One database does for a clinic, and not for a country: what is spread has to be found again, by every
/// node and by whoever looks after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spaces_are_spread_over_databases_and_found_there() {
    let test = "shards::spaces_are_spread_over_databases_and_found_there";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let (one, two) = (postgres.database(), postgres.database());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let name = file.to_str().unwrap();
    let write = |split: u16, [first, second]: [&str; 2]| {
        let data = directory.path().join("data");
        let settings = format!(
            "data = '{}'\nlisten = '127.0.0.1:0'\nlog = 'off'\nspace_days = 30\n\
             [[shards]]\nfrom = 0\nto = {}\nstore = '{first}'\n\
             [[shards]]\nfrom = {split}\nto = 4095\nstore = '{second}'\n",
            data.display(),
            split - 1,
        );
        fs::write(&file, settings).unwrap();
    };
    write(2_048, [&one, &two]);
    let program = Program::configured(&["--config", name]);
    let mut client = program.client().await;
    let mut spaces: Vec<_> = (0..12).map(Space::found).collect();
    for space in &mut spaces {
        client.taken(&space.create()).await;
        let batch = space.batch(0);
        client.taken(&space.request(vec![batch], &[])).await;
    }
    let upper = spaces.iter().filter(|space| space.id.0[0] >= 0x80).count();
    assert!((1..12).contains(&upper), "the seeds make ids on both sides");
    let count = |store: &str, table: &str| psql(store, &format!("SELECT count(*) FROM {table}"));
    assert_eq!(count(&one, "space"), (12 - upper).to_string());
    assert_eq!(count(&two, "space"), upper.to_string());
    for space in &spaces {
        assert_eq!(check(space, &client.read(space, 0).await).len(), 2);
    }
    let mut mailboxes = BTreeMap::new();
    for first in [0, 0x7f, 0x80, 0xff] {
        let put = MailboxRequest {
            mailbox: MailboxId([first; 32]),
            put: Some(MailboxSlot {
                slot: 0,
                bytes: Bytes(vec![first]),
            }),
            days: None,
            admission: None,
        };
        assert_eq!(client.post(MAILBOX_PATH, &put).await.status, 200);
        mailboxes.insert(first, put);
    }
    assert_eq!([count(&one, "mailbox"), count(&two, "mailbox")], ["2", "2"]);
    for (first, put) in mailboxes {
        let look = MailboxRequest { put: None, ..put };
        let found: MailboxAnswer = client.post(MAILBOX_PATH, &look).await.read();
        assert_eq!(found.slots[0].bytes, Bytes(vec![first]));
    }
    // The verbs go over both.
    assert_eq!(
        said(&["check"], name),
        "checked; entries: 24, spaces: 12, wrong: 0\n"
    );
    let stats = said(&["stats"], name);
    assert!(stats.starts_with("spaces: 12\nentries: 24\n"), "{stats}");
    assert!(stats.contains("mailboxes: 4\n"), "{stats}");
    assert_eq!(stats.matches("  entries: 2, bytes: ").count(), 10);
    psql(&one, "UPDATE space SET used = used - 40");
    assert!(said(&["gc"], name).contains(&format!("unused spaces: {} of ", 12 - upper)));
    psql(&one, "UPDATE space SET used = used + 40");
    program.stop();
    assert!(said(&["restore"], name).contains("entries: 24, spaces: 12,"));
    let [ours, theirs] = [&one, &two].map(|store| psql(store, "SELECT generation FROM relay"));
    assert_eq!(ours, theirs);

    // Whoever says that a shard is elsewhere than it is loses sight of its spaces: not unnoticed.
    for (split, stores) in [(2_048, [&two, &one]), (1, [&one, &two])] {
        write(split, stores.map(String::as_str));
        let (code, text) = sentence(&["--config", name]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("say are in another"), "{text}");
    }
    write(2_048, [&one, &two]);
    let program = Program::configured(&["--config", name]);
    let mut client = program.client().await;
    let batch = spaces[0].batch(0);
    let request = spaces[0].request(vec![batch], &[]);
    assert_eq!(client.taken(&request).await.seqs, [3]);
}

/// A relay that begins with a part of its shards would tell the others' devices that their spaces are
/// lost.
#[test]
fn shards_without_a_database_or_with_two_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    let refused = |shards: &[(u16, u16)]| {
        let mut settings = "data = 'nowhere'\n".to_owned();
        for (from, to) in shards {
            settings += &format!(
                "[[shards]]\nfrom = {from}\nto = {to}\nstore = 'postgres://localhost/s{from}'\n"
            );
        }
        fs::write(&file, settings).unwrap();
        let (code, text) = sentence(&["check", "--config", file.to_str().unwrap()]);
        assert_eq!(code, Some(2), "{text}");
        text
    };
    assert!(refused(&[(0, 100), (102, 4_095)]).contains("shard 101 is in no database"));
    assert!(refused(&[(0, 100), (100, 4_095)]).contains("shard 100 is in two ranges"));
    assert!(refused(&[(0, 4_096)]).contains("0 to 4096 is no range of shards"));
}
