//! Several nodes over a real PostgreSQL and a real NATS that die, hang and lose, while devices push.
//! What they were told is kept is there, at its place, once; and whoever reads misses nothing.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::checking::is_sound;
use crate::engines::{NatsServer, PostgresServer, psql};
use crate::live::Live;
use crate::lossy::LossyBus;
use crate::nodes::{Nodes, space_at, until};
use crate::writers::{Writers, Written, all_is_there};

const WRITERS: u64 = 4;
/// How long a reader may not know of what is written where no hint comes: `--poll-seconds` and what a
/// busy machine takes.
const POLL: &str = "1";
const LATE: Duration = Duration::from_secs(15);

/// Ends every connection of a relay to the database.
const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name = 'waymark-server' AND pid <> pg_backend_pid()";

/// Everything that was acknowledged, read at each node, and nothing else in the database.
async fn is_whole(nodes: &Nodes, store: &str, written: &[Written]) {
    let mut entries = 0;
    for node in 0..nodes.programs.len() {
        entries = all_is_there(&mut nodes.client(node).await, written).await;
    }
    let all = psql(store, "SELECT count(*), count(DISTINCT id) FROM entry");
    assert_eq!(all, format!("{entries}|{entries}"));
    is_sound(["--store", store]);
}

/// Machines go down, one after another and at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_nodes_and_database() {
    let test = "node_faults::what_was_acknowledged_outlives_nodes_and_database";
    let Some(mut postgres) = PostgresServer::start(test) else {
        return;
    };
    let store = postgres.database();
    let mut nodes = Nodes::start(2, &store, &["--poll-seconds", POLL]);
    let writers = Writers::start(&nodes.addresses(), nodes.programs[0].key, WRITERS);
    for round in 0..3 {
        writers.more(20).await;
        // As `pg_ctl stop -m immediate` does, in the middle of what it was doing.
        postgres = spawn_blocking(move || {
            postgres.crash();
            postgres
        })
        .await
        .unwrap();
        writers.more(20).await;
        nodes.programs[round % 2].kill();
        writers.more(20).await;
        nodes.again(round % 2);
    }
    let written = writers.end().await;
    is_whole(&nodes, &store, &written).await;
}

/// An operator, a failover or a proxy ends connections without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_to_the_database_may_end_at_any_time() {
    let test = "node_faults::connections_to_the_database_may_end_at_any_time";
    let Some(postgres) = PostgresServer::start(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(2, &store, &["--poll-seconds", POLL]);
    let writers = Writers::start(&nodes.addresses(), nodes.programs[0].key, WRITERS);
    let mut ended = 0;
    for round in 0..20 {
        writers.more(3 + round % 5).await;
        ended += psql(&store, END_ALL).parse::<u32>().unwrap();
    }
    assert!(ended >= 20, "{ended} connections were ended");
    let written = writers.end().await;
    is_whole(&nodes, &store, &written).await;
}

/// A node that hangs may hold a lock: the others must not wait for it for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_holds_up_nobody_for_long() {
    let test = "node_faults::a_node_that_hangs_holds_up_nobody_for_long";
    let Some(postgres) = PostgresServer::start(test) else {
        return;
    };
    let store = postgres.database();
    let nodes = Nodes::start(2, &store, &["--poll-seconds", POLL]);
    let writers = Writers::start(&nodes.addresses(), nodes.programs[0].key, WRITERS);
    for round in 0..4 {
        writers.more(10 + round).await;
        nodes.programs[round % 2].signal("STOP");
        // Each of them gets on.
        writers.more(40).await;
        nodes.programs[round % 2].signal("CONT");
    }
    let written = writers.end().await;
    is_whole(&nodes, &store, &written).await;
}

/// What a therapist writes at one node reaches the client at another, in order, whatever becomes of
/// the hints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_loses_hints_or_goes_away_costs_time_alone() {
    let test = "node_faults::a_bus_that_loses_hints_or_goes_away_costs_time_alone";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let Some(nats) = NatsServer::start(test) else {
        return;
    };
    let bus = LossyBus::before(&nats.address).await;
    let flags = ["--bus", &bus.address, "--poll-seconds", POLL];
    let nodes = Nodes::start(2, &postgres.database(), &flags);
    let mut client = nodes.client(0).await;
    let (mut space, second) = space_at(&mut client).await;
    let mut live = Live::over(nodes.client(1).await, &[&space], 0).await;
    until(&mut live, 0, 2).await;
    let port = nats.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let (mut nats, mut slowest) = (Some(nats), Duration::ZERO);
    for round in 0..120u64 {
        match round {
            60 => drop(nats.take()),
            90 => nats = NatsServer::start_at(test, port),
            _ => {}
        }
        let batch = space.batch(second);
        client.taken(&space.request(vec![batch], &[])).await;
        // One by one where the hints are at stake; beyond that as fast as it goes.
        if round % 4 != 3 {
            let since = Instant::now();
            until(&mut live, round + 2, round + 3).await;
            slowest = slowest.max(since.elapsed());
        } else {
            sleep(Duration::from_millis(5)).await;
            until(&mut live, round + 2, round + 3).await;
        }
    }
    assert!(bus.lost() > 5, "{} hints were lost", bus.lost());
    assert!(slowest < LATE, "{slowest:?}");
}

/// How long what is written at one node takes to a reader at another. What is bound here is what a
/// device notices; the figures are for docs/benchmarks.md, shown with `--nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_elsewhere_is_not_long_behind() {
    let test = "node_faults::a_reader_elsewhere_is_not_long_behind";
    let Some(postgres) = PostgresServer::common(test) else {
        return;
    };
    let Some(nats) = NatsServer::start(test) else {
        return;
    };
    let with_bus = ["--bus", &nats.address, "--poll-seconds", "3600"];
    let without = ["--poll-seconds", POLL];
    for (flags, rounds, most) in [
        (&with_bus[..], 200, Duration::from_secs(5)),
        (&without[..], 10, LATE),
    ] {
        let nodes = Nodes::start(2, &postgres.database(), flags);
        let mut client = nodes.client(0).await;
        let (mut space, second) = space_at(&mut client).await;
        let mut live = Live::over(nodes.client(1).await, &[&space], 0).await;
        until(&mut live, 0, 2).await;
        let mut waited = Vec::new();
        for round in 0..rounds {
            let batch = space.batch(second);
            client.taken(&space.request(vec![batch], &[])).await;
            let since = Instant::now();
            until(&mut live, round + 2, round + 3).await;
            waited.push(since.elapsed());
        }
        waited.sort_unstable();
        let (half, last) = (waited[waited.len() / 2], waited[waited.len() * 99 / 100]);
        println!("{}: half {half:?}, 99 in 100 {last:?}", flags[0]);
        assert!(last < most, "{last:?}");
    }
}
