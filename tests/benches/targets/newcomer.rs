//! A new device: the whole log in batches, and the same from a checkpoint, through a relay that has let
//! go of the batches. Beside it plain Automerge, which loads the same months from what it saved: no
//! network, no disk, no keys.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use automerge::{ActorId, Automerge};
use tokio::runtime::Runtime;
use waymark_core::client::PlanId;
use waymark_core::driver::Clock;
use waymark_tests::{Device, TestClock, TestRelay, link_therapist};

use crate::Effort;
use crate::bare;
use crate::catch_up::{Writer, sync, welcome};
use crate::phone::{open, records, shown};
use crate::proxy::Proxy;
use crate::report::{Row, bytes, time};
use crate::rounds::{in_turn, timed};
use crate::snapshots::memory;

const CHILD: &str = "--start-in-a-process-of-its-own";
/// Above the loaded documents.
const MEMORY: u64 = 64 * 1024 * 1024;
/// Days after which a relay has let go of what two people agreed on.
const RESTED: u64 = 31;

pub(crate) fn from_a_checkpoint(effort: Effort) -> Vec<Row> {
    let mut rows = measured(effort, 10_000);
    if !effort.quick {
        rows.extend(measured(effort, 100_000));
    }
    rows
}

fn measured(effort: Effort, count: usize) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let mut relay = runtime.block_on(TestRelay::start());
    let proxy = Proxy::to(&relay.url());
    let writer = Writer::with_history(&runtime, &proxy.url(), count);
    let witness = runtime.block_on(link_therapist(&writer.phone, writer.plan));
    let newcomer = || welcome(&runtime, &writer, &proxy.url());
    let all = |device: &Device| {
        assert_eq!(shown(device.client(), writer.plan), count, "all are there");
    };

    // Everything is in batches as yet.
    let whole = newcomer();
    proxy.take();
    let (by_batches, ()) = timed(|| sync(&runtime, &whole));
    let whole_bytes = proxy.take().both();
    all(&whole);
    let months = plain(&whole, writer.plan);

    let tended = runtime.block_on(writer.phone.client().sync().tend_beyond(0));
    tended.expect("a checkpoint");
    sync(&runtime, &witness);
    runtime.block_on(relay.pass(RESTED));
    sync(&runtime, &writer.phone);

    let ours = || {
        let newcomer = newcomer();
        let (read, ()) = timed(|| sync(&runtime, &newcomer));
        all(&newcomer);
        read
    };
    let load = || {
        for saved in &months {
            black_box(Automerge::load(saved).expect("it loads"));
        }
    };
    let rounds = effort.of(if count > 10_000 { 3 } else { 11 }, 3);
    let pair = in_turn(rounds, ours, || timed(load).0);

    let counted = newcomer();
    proxy.take();
    sync(&runtime, &counted);
    let read = proxy.take().both();
    let saved: u64 = months.iter().map(|month| month.len() as u64).sum();
    let peak = in_a_process(newcomer(), &proxy.url(), count, writer.plan);

    let measure = format!("a new device with {count} from a checkpoint");
    vec![
        if count > 10_000 {
            Row::compared(&measure, pair.ours, pair.baseline)
        } else {
            Row::at_most_times(&measure, pair.ours, pair.baseline, 2.0)
        },
        Row::bytes("  bytes, both ways", read, Some(saved), saved * 13 / 10),
        Row {
            measure: "  peak of memory, of which it shows this in the end".into(),
            ours: bytes(peak.0),
            baseline: bytes(peak.1),
            ratio: String::new(),
            target: format!("≤ {} above", bytes(MEMORY)),
            met: (peak.1 > 0).then_some(peak.0.saturating_sub(peak.1) <= MEMORY),
        },
        Row::note(
            "  from batches, and their bytes",
            time(by_batches),
            bytes(whole_bytes),
        ),
    ]
}

/// The months of a diary as plain Automerge saves them.
fn plain(device: &Device, plan: PlanId) -> Vec<Vec<u8>> {
    let copy = waymark_tests::fixture::copy_of(device.directory());
    let saved = records(copy.path(), plan).into_iter().map(|(_, records)| {
        let mut month = Automerge::new().with_actor(ActorId::from([1; 16]));
        for record in records {
            bare::put(&mut month, &record);
        }
        month.save()
    });
    saved.collect()
}

/// How far the memory of a process grows that has a new device read everything, and how far it has grown
/// when that is shown.
fn in_a_process(device: Device, relay: &str, count: usize, plan: PlanId) -> (u64, u64) {
    let at = device.clock().now().0.to_string();
    let mut device = device;
    device.close();
    let own = std::env::current_exe().expect("its own path");
    let output = Command::new(own)
        .args([CHILD, relay, &at, &count.to_string(), &plan.to_string()])
        .arg(device.directory())
        .output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(peak)), Some(Ok(kept))) => (peak, kept),
        _ => panic!("{output:?}"),
    }
}

/// Does what [`in_a_process`] asks for; `None` where nobody did.
pub(crate) fn run_as_child(arguments: &[String]) -> Option<ExitCode> {
    let [child, relay, at, count, plan, directory] = arguments else {
        return None;
    };
    if child != CHILD {
        return None;
    }
    let runtime = Runtime::new().expect("a runtime");
    let clock = Arc::new(TestClock::at(at.parse().expect("a time")));
    let client = open(Path::new(directory), relay, clock);
    // From here on the peak counts anew. Where this is refused it is older, and only larger.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let synced = runtime.block_on(client.sync().now());
    synced.expect("synced");
    let peak = memory("VmHWM:").saturating_sub(before);
    let plan: PlanId = plan.parse().expect("a plan");
    assert_eq!(shown(&client, plan).to_string(), *count, "all are there");
    println!("{peak} {}", memory("VmRSS:").saturating_sub(before));
    Some(ExitCode::SUCCESS)
}
