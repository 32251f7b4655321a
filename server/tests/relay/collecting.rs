//! Letting go of what nobody uses, with the program itself.

use rusqlite::Connection;
#[cfg(feature = "nats")]
use waymark_wire::message::RefusalCode;

use crate::checking::is_sound;
use crate::client::Client;
use crate::process::{Program, run, sentence};
use crate::testing::Space;

/// What `waymark-server gc` says.
fn collect(flags: &[&str]) -> String {
    let output = run(&[&["gc"], flags].concat());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

/// Two spaces, each with an entry beside its first.
async fn two(client: &mut Client) -> [Space; 2] {
    let mut spaces = [1, 2].map(Space::found);
    for space in &mut spaces {
        client.taken(&space.create()).await;
        let batch = space.batch(0);
        client.taken(&space.request(vec![batch], &[])).await;
    }
    spaces
}

/// An operator who tries out what would go must not lose it by that.
#[tokio::test]
async fn what_may_go_is_told_first_and_goes_when_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let place = ["--data", data];
    let days = ["--data", data, "--space-days", "30"];
    let program = Program::with(directory.path(), &["--space-days", "30"]);
    let mut client = program.client().await;
    let [_, other] = two(&mut client).await;
    let removing = [&["gc"], &days[..], &["--remove"]].concat();
    let (code, text) = sentence(&removing);
    assert_eq!(code, Some(1));
    assert!(text.contains("in use by another waymark-server"), "{text}");
    program.stop();
    let db = Connection::open(directory.path().join("relay.db")).unwrap();
    let pass = "UPDATE space SET used = used - 40 WHERE id <> ?1";
    assert_eq!(db.execute(pass, [other.id.0]).unwrap(), 1);
    let bytes: i64 = db
        .query_row(
            "SELECT bytes FROM space WHERE id <> ?1",
            [other.id.0],
            |row| row.get(0),
        )
        .unwrap();
    drop(db);
    let usual = "ended mailboxes: 0, checkpoints with entries to drop: 0";
    assert_eq!(collect(&place), format!("may go: {usual}\n"));
    let may = format!("may go: {usual}, unused spaces: 1 of {bytes} bytes\n");
    for _ in 0..2 {
        assert_eq!(collect(&days), may);
        assert_eq!(
            is_sound(place),
            "checked; entries: 4, spaces: 2, wrong: 0\n"
        );
    }
    // Where no number is given, no space goes.
    let remove = [&place[..], &["--remove"]].concat();
    assert_eq!(collect(&remove), format!("gone: {usual}\n"));
    assert_eq!(collect(&days), may);
    let remove = [&days[..], &["--remove"]].concat();
    assert_eq!(collect(&remove), may.replace("may go", "gone"));
    assert_eq!(
        is_sound(place),
        "checked; entries: 2, spaces: 1, wrong: 0\n"
    );
    assert_eq!(
        collect(&days),
        may.replace(&format!("1 of {bytes}"), "0 of 0")
    );
}

/// A relay that has not noted when spaces were used must not take that for never.
#[tokio::test]
async fn spaces_of_before_are_counted_from_now_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let program = Program::start(directory.path());
    two(&mut program.client().await).await;
    program.stop();
    let days = ["--data", data, "--space-days", "30"];
    let said = collect(&days);
    let expected =
        "unused spaces: 0 of 0 bytes; 2 spaces stay, since it was not noted when they were used\n";
    assert!(said.ends_with(expected), "{said}");
    collect(&[&days[..], &["--remove"]].concat());
    assert_eq!(
        is_sound(["--data", data]),
        "checked; entries: 4, spaces: 2, wrong: 0\n"
    );
    let said = collect(&days);
    assert!(said.ends_with("unused spaces: 0 of 0 bytes\n"), "{said}");
    let refused = run(&["gc", "--data", data, "--space-days", "29"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("neither 0 nor a number from 30 on"), "{text}");
}

/// The same over a database whose nodes go on: what one remembers of a space that has gone must not
/// bring back a part of it.
#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_run_while_unused_spaces_go() {
    use crate::engines::{PostgresServer, psql};
    use crate::nodes::Nodes;

    let test = "collecting::nodes_run_while_unused_spaces_go";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(1, &store, &["--space-days", "30"]);
    let mut client = nodes.client(0).await;
    let [mut idle, mut other] = two(&mut client).await;
    psql(
        &store,
        "UPDATE space SET used = used - 40 WHERE number = (SELECT min(number) FROM space)",
    );
    let gone = psql(
        &store,
        "SELECT encode(id, 'hex') FROM space ORDER BY used LIMIT 1",
    );
    let hex: String = idle.id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    if hex != gone {
        std::mem::swap(&mut idle, &mut other);
    }
    let days = ["--store", &store, "--space-days", "30"];
    assert!(collect(&days).contains("may go: "));
    assert!(collect(&days).contains("unused spaces: 1 of "));
    assert!(collect(&[&days[..], &["--remove"]].concat()).contains("gone: "));
    assert_eq!(
        is_sound(["--store", &store]),
        "checked; entries: 2, spaces: 1, wrong: 0\n"
    );
    let batch = idle.batch(0);
    let refused = client.refused(&idle.request(vec![batch], &[])).await;
    assert_eq!(refused.code, RefusalCode::NotFound);
    assert_eq!(client.status(&idle, 0).await.status, 404);
    let batch = other.batch(0);
    assert_eq!(
        client.taken(&other.request(vec![batch], &[])).await.seqs,
        [3]
    );
    // Its devices bring it back.
    assert_eq!(client.taken(&idle.create()).await.seqs, [1]);
}
