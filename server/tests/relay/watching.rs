//! What an operator sees of a relay that runs: metrics, a dashboard over them, and logs. None of it may
//! say whom the relay serves.

use std::collections::BTreeSet;
use std::fs::{self, File};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::message::{
    MAILBOX_PATH, MailboxId, MailboxRequest, MailboxSlot, PULL_PATH, PullRequest, RefusalCode,
};

use crate::client::{Client, TestRelay};
use crate::live::Live;
use crate::process::Program;
use crate::testing::Space;

const DASHBOARD: &str = include_str!("../../deploy/grafana.json");
const PAGE: &str = include_str!("../../../docs/metrics.md");
const TOKEN: &[u8] = b"a-token-that-nobody-should-read-anywhere";

/// A relay under use by many, with all that is refused, too, and what it said of it.
struct Busy {
    metrics: String,
    log: String,
}

async fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    // A refusal is no text.
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

async fn busy() -> Busy {
    let directory = tempfile::tempdir().unwrap();
    let (log, token) = (directory.path().join("log"), directory.path().join("token"));
    fs::write(&token, TOKEN).unwrap();
    let data = directory.path().join("data");
    let flags = ["--admission-file", token.to_str().unwrap()];
    let (program, watch) = Program::watched(&data, &flags, File::create(&log).unwrap());
    let mut client = program.client().await;
    let mut spaces: Vec<_> = (1..4).map(Space::found).collect();
    for space in &mut spaces {
        let refused = client.refused(&space.create()).await;
        assert_eq!(refused.code, RefusalCode::Admission);
        let mut create = space.create();
        create.admission = Some(Bytes(TOKEN.to_vec()));
        client.taken(&create).await;
        client.taken(&create).await;
    }
    let mut live = Live::over(program.client().await, &[&spaces[0]], 0).await;
    live.page().await;
    for space in &mut spaces {
        let batch = space.batch(0);
        client.taken(&space.request(vec![batch], &[])).await;
    }
    live.page().await;
    let (_, metrics) = get(&watch, "/metrics").await;
    refusals(&mut client, &mut spaces).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&watch, path).await.0, 200);
    }
    // What is told to those who watch is told to nobody else.
    assert_eq!(get(&program.address, "/metrics").await.0, 404);
    assert_eq!(get(&watch, PULL_PATH).await.0, 404);
    drop(live);
    program.stop();
    let log = fs::read_to_string(log).unwrap();
    Busy { metrics, log }
}

/// All that a stranger, a former member or a broken client tries.
async fn refusals(client: &mut Client, spaces: &mut [Space]) {
    let space = &mut spaces[1];
    let mut forged = space.batch(0);
    *forged.last_mut().unwrap() ^= 1;
    let forged = space.request(vec![forged], &[]);
    assert_eq!(client.refused(&forged).await.code, RefusalCode::NotFound);
    let mut elsewhere = client.ask(space, 0, crate::testing::start(&space.id)).await;
    elsewhere.after.seq = 2;
    let mut stranger = client.ask(space, 0, crate::testing::start(&space.id)).await;
    stranger.proof.device = DeviceNumber(7);
    let mut unknown = stranger.clone();
    unknown.proof.space = SpaceId([0xa5; 32]);
    let request = PullRequest {
        spaces: vec![elsewhere, stranger, unknown],
        live: None,
    };
    client.post(PULL_PATH, &request).await;
    let mailbox = MailboxRequest {
        mailbox: MailboxId([0xb6; 32]),
        put: Some(MailboxSlot {
            slot: 0,
            bytes: Bytes(vec![0xc7; 64]),
        }),
        days: None,
        admission: Some(Bytes(TOKEN.to_vec())),
    };
    assert_eq!(client.post(MAILBOX_PATH, &mailbox).await.status, 200);
    client.post_bytes(PULL_PATH, b"no CBOR").await;
    client
        .post_bytes("/nowhere", &codec::encode(&mailbox))
        .await;
}

/// The value of a line of the metrics.
fn value(metrics: &str, line: &str) -> f64 {
    let lines = metrics.lines();
    let mut values = lines.filter_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    let found = values.next();
    found
        .unwrap_or_else(|| panic!("{line} is not in\n{metrics}"))
        .parse()
        .unwrap()
}

/// An operator who cannot see that a relay is full, slow or refusing learns it from a client in need.
#[tokio::test]
async fn metrics_count_what_happens() {
    let Busy { metrics, .. } = busy().await;
    let is = |line: &str, expected: f64| {
        let value = value(&metrics, line);
        assert!((value - expected).abs() < 0.5, "{line} is {value}");
    };
    is("waymark_appends_total{outcome=\"taken\"}", 6.0);
    is("waymark_appends_total{outcome=\"known\"}", 3.0);
    is("waymark_appends_total{outcome=\"refused\"}", 3.0);
    is("waymark_refused_total{reason=\"admission\"}", 3.0);
    is("waymark_append_seconds_count", 12.0);
    is("waymark_live_readers", 1.0);
    is("waymark_connections", 2.0);
    is("waymark_hints_total{way=\"sent\"}", 6.0);
    is("waymark_hints_total{way=\"heard\"}", 1.0);
    is("waymark_hints_total{way=\"missed\"}", 0.0);
    is("waymark_pulls_total{kind=\"live\"}", 1.0);
    is("waymark_write_queue", 0.0);
    // Each append that was not refused before its turn, and what a start looks after.
    assert!(value(&metrics, "waymark_write_group_sum") >= 9.0);
    let longest = value(&metrics, "waymark_commit_seconds_bucket{le=\"+Inf\"}");
    assert!(longest >= 1.0);
    assert!(value(&metrics, "waymark_database_bytes") > 6.0 * 388.0);
    assert!(value(&metrics, "waymark_append_bytes_total") > 6.0 * 388.0);
    assert!(value(&metrics, "waymark_pull_bytes_total") > 388.0);
}

/// The names of metrics in a text, as they stand in queries.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_part(c));
    let words = words.filter(|word| word.starts_with("waymark_"));
    words
        .map(|word| {
            let of_histogram = ["_bucket", "_count", "_sum"];
            let base = of_histogram.iter().find_map(|end| word.strip_suffix(end));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

/// A panel over a name that nobody exports shows nothing when it matters.
#[tokio::test]
async fn the_dashboard_and_the_page_name_what_a_relay_exports() {
    let Busy { metrics, .. } = busy().await;
    let samples: String = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .flat_map(|name| [name, "\n"])
        .collect();
    let exported = names(&samples);
    assert!(exported.len() >= 14, "{exported:?}");
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let named = names(target["expr"].as_str().unwrap());
            assert!(!named.is_empty(), "{target}");
            asked.extend(named);
        }
    }
    let unknown: Vec<_> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "the dashboard asks for {unknown:?}");
    let rows = PAGE.lines().filter(|line| line.starts_with("| `waymark_"));
    let rows: String = rows.filter_map(|row| row.split('|').nth(1)).collect();
    assert_eq!(names(&rows), exported, "docs/metrics.md | exported");
}

/// Logs are copied to places that the relay's database never sees: who is served must not stand there.
#[tokio::test]
async fn logs_and_metrics_hold_no_id_no_key_no_address_and_no_token() {
    let Busy { metrics, log } = busy().await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    // It was a busy run, and each space can be told from the others.
    let spaces: BTreeSet<_> = lines
        .iter()
        .filter_map(|line| line["fields"]["space"].as_str())
        .collect();
    assert_eq!(spaces.len(), 3, "{log}");
    let refused = lines
        .iter()
        .filter(|line| line["fields"]["code"].is_string());
    assert!(refused.count() >= 6, "{log}");
    for (what, text) in [("log", &log), ("metrics", &metrics)] {
        assert!(
            !text.contains("127.0.0.1"),
            "an address in the {what}: {text}"
        );
        let token = std::str::from_utf8(TOKEN).unwrap();
        assert!(!text.contains(token), "a token in the {what}: {text}");
        // However bytes are written: sixteen of them make 22 characters at least, or many numbers.
        let is_coded = |c: char| c.is_ascii_alphanumeric() || "+/-=".contains(c);
        let longest = text.split(|c| !is_coded(c)).max_by_key(|word| word.len());
        let longest = longest.unwrap_or_default();
        assert!(longest.len() < 22, "{longest:?} in the {what}");
        for line in text.lines() {
            let numbers = line.split(", ").filter(|part| part.parse::<u8>().is_ok());
            assert!(numbers.count() < 8, "bytes in the {what}: {line}");
        }
    }
}

/// Metrics are opened to other machines only where that was asked for.
#[tokio::test]
async fn metrics_are_served_where_they_were_asked_for_alone() {
    let (relay, _directory) = TestRelay::start().await;
    assert_eq!(get(&relay.address, "/metrics").await.0, 404);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let elsewhere = ["--data", data, "--metrics", "0.0.0.0:0"];
    let (code, text) = crate::process::sentence(&elsewhere);
    assert_eq!(code, Some(2));
    assert!(text.contains("--allow-plaintext"), "{text}");
}
