//! The same as every engine holds, and what several nodes over one database hold beside it.

use std::collections::HashSet;

use tokio::task::{JoinSet, spawn_blocking};
use waymark_wire::membership::{Op, Rights};

use waymark_wire::signature::VerifyingKey;

use super::*;
use crate::engines::{PostgresServer, psql};
use crate::log::conformance::{self, Kept};
use crate::log::{Append, AppendOutcome, Log, Stored};
use crate::testing::{Change, Space as TestSpace};

const KEY: VerifyingKey = VerifyingKey([3; 32]);

async fn try_open(
    address: &str,
    generation: u8,
    key: VerifyingKey,
) -> Result<PostgresLog, PostgresError> {
    let address: StoreAddress = address.parse().unwrap();
    let generation = Generation([generation; 16]);
    let new = Identity { generation, key };
    let open = move || PostgresLog::open(address, new, 1_024, Writing::default());
    spawn_blocking(open).await.unwrap()
}

async fn open(address: &str) -> PostgresLog {
    try_open(address, 7, KEY).await.unwrap()
}

/// The address of a new database.
async fn database(test: &str) -> Option<String> {
    let test = format!("log::postgres::tests::{test}");
    spawn_blocking(move || PostgresServer::common(&test).map(PostgresServer::database))
        .await
        .unwrap()
}

async fn make(test: &str) -> Option<(PostgresLog, String)> {
    let address = database(test).await?;
    Some((open(&address).await, address))
}

impl Kept for String {
    fn is_sound(&self) {
        conformance::is_sound(&PostgresLook::open(&self.parse().unwrap()).unwrap());
    }
}

/// Several nodes over one new database, and its address.
async fn nodes<const N: usize>(test: &str) -> Option<(String, [Arc<PostgresLog>; N])> {
    let address = database(test).await?;
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(Arc::new(open(&address).await));
    }
    Some((address, nodes.try_into().unwrap()))
}

mod logs {
    use super::make;
    crate::log::conformance::log_conformance!(make);
}

mod mailboxes {
    use super::make;
    crate::mailbox::conformance::mailbox_conformance!(make);
}

fn request(space: &TestSpace, entries: Vec<Vec<u8>>, attachments: &[Vec<u8>]) -> Append {
    Append {
        heals: false,
        space: space.id,
        entries,
        attachments: attachments.to_vec(),
        may_create: true,
        terms: crate::log::Terms::default(),
        now: 0,
    }
}

async fn change(log: &PostgresLog, space: &TestSpace, change: &Change) -> AppendOutcome {
    let append = request(space, vec![change.entry.clone()], &change.attachments);
    let outcome = log.append(append).await.unwrap();
    assert_eq!(outcome.refused, None);
    outcome
}

async fn whole(log: &PostgresLog, space: &TestSpace) -> Vec<Stored> {
    let mut all = Vec::new();
    loop {
        let page = log
            .page(space.id, u64::try_from(all.len()).unwrap())
            .await
            .unwrap();
        all.extend(page.entries);
        if page.end.seq == page.head {
            return all;
        }
    }
}

fn count(address: &str, sql: &str) -> u64 {
    psql(address, sql).parse().unwrap()
}

/// Two entries with one place are two stories, and a hole is an entry that no phone ever gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_devices_at_several_nodes_leave_no_hole_and_no_double() {
    const DEVICES: usize = 6;
    const EACH: usize = 25;
    let test = "many_devices_at_several_nodes_leave_no_hole_and_no_double";
    let Some((address, nodes)) = nodes::<3>(test).await else {
        return;
    };
    let mut space = TestSpace::found(1);
    change(&nodes[0], &space, &space.founding).await;
    for person in 1..DEVICES {
        let (add, key) = space.add(0, u8::try_from(person).unwrap(), Rights::WRITE);
        change(&nodes[person % 3], &space, &add).await;
        space.accept(0, &add, key);
    }
    let mut writing = JoinSet::new();
    let mut sent = HashSet::new();
    for device in 0..DEVICES {
        let entries: Vec<_> = (0..EACH).map(|_| space.batch(device)).collect();
        sent.extend(entries.iter().cloned());
        let appends: Vec<_> = entries
            .into_iter()
            .map(|entry| request(&space, vec![entry], &[]))
            .collect();
        let nodes = nodes.clone();
        writing.spawn(async move {
            for (at, append) in appends.into_iter().enumerate() {
                // As a phone whose answer was lost, and whose next try comes to another node.
                let [first, again] = [0, 1].map(|n| nodes[(device + at + n) % 3].clone());
                let (first, again) =
                    tokio::join!(first.append(append.clone()), again.append(append));
                let (first, again) = (first.unwrap(), again.unwrap());
                assert_eq!((&first.refused, &again.refused), (&None, &None));
                assert_eq!(first.seqs, again.seqs);
                assert_ne!(first.is_new, again.is_new);
            }
        });
    }
    while let Some(written) = writing.join_next().await {
        written.unwrap();
    }
    let all = whole(&nodes[0], &space).await;
    for node in &nodes[1..] {
        assert_eq!(whole(node, &space).await, all);
    }
    let places: Vec<u64> = all.iter().map(|stored| stored.seq).collect();
    let last = u64::try_from(DEVICES + DEVICES * EACH).unwrap();
    assert_eq!(places, (1..=last).collect::<Vec<_>>());
    let kept: HashSet<_> = all[DEVICES..]
        .iter()
        .map(|stored| stored.bytes.clone())
        .collect();
    assert_eq!(kept, sent);
    let ids = "SELECT count(DISTINCT id) FROM entry";
    assert_eq!(count(&address, ids), last);
    let bytes = "SELECT (SELECT sum(octet_length(bytes)) FROM entry)
                      + (SELECT sum(octet_length(bytes)) FROM attachment)";
    let usage = nodes[2].usage(space.id).await.unwrap().unwrap();
    assert_eq!(usage.bytes, count(&address, bytes));
}

/// A client who taps twice would otherwise have two plans, or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_make_a_space_at_once_both_find_it() {
    let test = "of_two_who_make_a_space_at_once_both_find_it";
    let Some((address, nodes)) = nodes::<2>(test).await else {
        return;
    };
    for seed in 0..20 {
        let space = TestSpace::found(seed);
        let append = request(
            &space,
            vec![space.founding.entry.clone()],
            &space.founding.attachments,
        );
        let (one, two) = tokio::join!(nodes[0].append(append.clone()), nodes[1].append(append));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((&one.refused, &two.refused), (&None, &None));
        assert_eq!((&one.seqs, &two.seqs), (&vec![1], &vec![1]));
        assert_ne!(one.is_new, two.is_new);
    }
    assert_eq!(count(&address, "SELECT count(*) FROM space"), 20);
}

/// A therapist who was removed on one node would otherwise read on at another, and one who has just
/// been let in would be told that there is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_a_member_is_known_at_every_node_at_once() {
    let test = "who_is_a_member_is_known_at_every_node_at_once";
    let Some((_, [one, two])) = nodes::<2>(test).await else {
        return;
    };
    let mut space = TestSpace::found(1);
    assert_eq!(two.membership(space.id).await, Ok(None));
    change(&one, &space, &space.founding).await;
    let known = async |node: &PostgresLog| node.membership(space.id).await.unwrap().unwrap();
    assert_eq!(*known(&two).await, space.membership);
    let (add, key) = space.add(0, 1, Rights::WRITE);
    change(&two, &space, &add).await;
    let added = space.accept(0, &add, key);
    assert_eq!(
        one.membership(space.id).await.unwrap().as_deref(),
        Some(&space.membership)
    );
    let gone = space.remove(0, added);
    change(&one, &space, &gone).await;
    space.take(0, &gone);
    assert_eq!(
        two.membership(space.id).await.unwrap().as_deref(),
        Some(&space.membership)
    );
    // What the one who is gone sends to the other node is not taken either.
    let late = space.batch(added);
    let late = request(&space, vec![late], &[]);
    let outcome = two.append(late).await.unwrap();
    assert!(outcome.refused.is_some());
    let rotate = space.act(0, vec![Op::Rotate(None)], vec![]);
    assert_eq!(change(&two, &space, &rotate).await.seqs, [4]);
}

/// A node with another key would look to every phone like a thief's relay; an older one would misread
/// what a newer one wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_relay_or_an_older_version_is_refused() {
    let test = "a_node_of_another_relay_or_an_older_version_is_refused";
    let Some(address) = database(test).await else {
        return;
    };
    let (first, second) = tokio::join!(open(&address), open(&address));
    assert_eq!(first.generation(&SpaceId::ZERO), Generation([7; 16]));
    assert_eq!(second.generation(&SpaceId::ZERO), Generation([7; 16]));
    let later = try_open(&address, 8, KEY).await.unwrap();
    assert_eq!(later.generation(&SpaceId::ZERO), Generation([7; 16]));
    let other = try_open(&address, 7, VerifyingKey([4; 32])).await;
    assert!(matches!(other, Err(PostgresError::OtherKey)));
    psql(&address, "UPDATE relay SET version = 99");
    let older = try_open(&address, 7, KEY).await;
    assert!(matches!(older, Err(PostgresError::Newer { found: 99, .. })));
    assert_eq!(count(&address, "SELECT version FROM relay"), 99);
}

/// What a phone has ticked off must be there after the database's machine went down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_crash_of_the_database() {
    let test = "log::postgres::tests::what_was_acknowledged_outlives_a_crash_of_the_database";
    let Some(mut server) = PostgresServer::start(test) else {
        return;
    };
    let address = server.database();
    let log = Arc::new(open(&address).await);
    let mut space = TestSpace::found(1);
    change(&log, &space, &space.founding).await;
    let entries: Vec<_> = (0..400).map(|_| space.batch(0)).collect();
    let id = space.id;
    let appends = entries
        .iter()
        .map(|entry| request(&space, vec![entry.clone()], &[]));
    let appends: Vec<_> = appends.collect();
    let writing = tokio::spawn({
        let log = log.clone();
        async move {
            let mut failed = 0;
            for append in appends {
                // As a phone does: again, until it is taken.
                let seqs = loop {
                    match log.append(append.clone()).await {
                        Ok(outcome) => break outcome.seqs,
                        Err(_) => failed += 1,
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                };
                assert_eq!(seqs.len(), 1);
            }
            failed
        }
    });
    let server = spawn_blocking(move || {
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(150));
            server.crash();
        }
        server
    })
    .await
    .unwrap();
    let failed = writing.await.unwrap();
    assert!(failed > 0, "the crashes came too late to disturb anything");
    let all = whole(&log, &space).await;
    let kept: Vec<_> = all[1..].iter().map(|stored| stored.bytes.clone()).collect();
    assert_eq!(kept, entries);
    let usage = log.usage(id).await.unwrap().unwrap();
    assert_eq!(usage.head.seq, 401);
    log.close().await;
    drop(server);
}

/// A crash of one node while it holds a space must not stop the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_ended_is_made_anew() {
    let test = "log::postgres::tests::a_connection_that_was_ended_is_made_anew";
    let Some(server) = PostgresServer::start(test) else {
        return;
    };
    let address = server.database();
    let (one, two) = (open(&address).await, open(&address).await);
    let mut space = TestSpace::found(1);
    change(&one, &space, &space.founding).await;
    for round in 0..5u64 {
        assert_eq!(two.page(space.id, 0).await.unwrap().head, round + 1);
        let end_all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        assert_ne!(count(&address, end_all), 0);
        let batch = space.batch(0);
        let append = request(&space, vec![batch], &[]);
        let outcome = one.append(append).await.unwrap();
        assert_eq!(outcome.seqs, [round + 2]);
    }
}
