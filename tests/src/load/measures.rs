//! What a relay is held to under load, each figure beside its baseline from the same run.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::bare::Row as BareRow;
use super::drive::{Drive, Driven, Pace, at, drive, found, histogram, note};
use super::engines::Engine;
use super::process::{Cpu, Server, raise_descriptors};
use super::{Connection, Service, through_log};
use crate::report::{Row, as_f64, bytes, time};
use crate::testing::start;

/// Descriptors beside those of connections.
const SPARE: u64 = 512;
/// What a relay may have in memory before anybody comes.
const BASE: u64 = 16 << 20;
/// What an idle live connection may cost.
const EACH: u64 = 12 << 10;
/// How much later than a bare durable append an entry may be at a reader.
const LATER: Duration = Duration::from_millis(1);
/// How late one in a hundred may be.
const LATEST: Duration = Duration::from_millis(10);
/// Until memory and threads have settled.
const SETTLE: Duration = Duration::from_secs(2);

/// What is measured with.
#[derive(Debug)]
pub struct Rig {
    runtime: Runtime,
    engine: Engine,
}

/// A relay under load, and where it keeps what it keeps.
struct Loaded {
    server: Server,
    service: Service,
    // Dropped last.
    _directory: TempDir,
}

impl Rig {
    /// A rig over an engine.
    ///
    /// # Errors
    /// [`io::Error`] where no threads can be started.
    pub fn new(engine: Engine) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        Ok(Self { runtime, engine })
    }

    fn relay(&self, connections: usize) -> io::Result<Loaded> {
        let directory = TempDir::new()?;
        let connections = connections.to_string();
        let mut flags = vec!["--max-connections", &connections];
        let database = self.engine.database();
        if let Some(database) = &database {
            flags.extend(["--store", database]);
        }
        let server = Server::relay(directory.path(), &flags)?;
        let key = server.key().ok_or_else(|| io::Error::other("no key"))?;
        Ok(Loaded {
            server,
            service: Service::Relay(key),
            _directory: directory,
        })
    }

    fn drive(&self, server: &Server, service: Service, plan: Drive) -> io::Result<(Driven, Cpu)> {
        let bar = bar(plan.appends, "appends");
        let before = server.cpu()?;
        let driven = drive(server.address(), service, plan, &bar);
        let driven = self.runtime.block_on(driven)?;
        bar.finish_and_clear();
        let cpu = server.cpu()?.since(&before);
        if driven.refused > 0 {
            let refused = driven.refused;
            return Err(io::Error::other(format!("{refused} appends were refused")));
        }
        Ok((driven, cpu))
    }

    /// Appends through `Log`, without HTTP, beside bare rows.
    #[must_use]
    pub fn log(&self, rounds: usize, each: usize) -> Vec<Row> {
        vec![through_log(&self.runtime, &self.engine, rounds, each)]
    }

    /// Appends over HTTP at full speed: how many, and what each costs of the processors, beside the
    /// bare stream.
    ///
    /// # Errors
    /// [`io::Error`] where a part does not do its work.
    pub fn append(&self, pushers: usize, appends: usize) -> io::Result<Vec<Row>> {
        let plan = Drive {
            pushers,
            appends,
            rate: None,
            follow: false,
            seed: 1,
        };
        let relay = self.relay(pushers * 2 + 64)?;
        let (ours, cpu) = self.drive(&relay.server, relay.service, plan)?;
        drop(relay);
        let stream = Server::stream(&["stream"])?;
        let (bare, bare_cpu) = self.drive(&stream, Service::Stream, plan)?;
        let each = |cpu: Duration, driven: &Driven| cpu.div_f64(as_f64(driven.appended.max(1)));
        let engine = self.engine.name();
        let mut rows = vec![
            Row::note(
                &format!("appends over HTTP, {engine}, {pushers} pushers"),
                format!("{:.0}/s", ours.rate()),
                format!("{:.0}/s", bare.rate()),
            ),
            latency("  until answered, median", &ours, &bare, 0.5),
            latency("  until answered, 99 %", &ours, &bare, 0.99),
            Row::note(
                "  processor time of the server for each",
                time(each(cpu.total(), &ours)),
                time(each(bare_cpu.total(), &bare)),
            ),
        ];
        for (thread, taken) in cpu.0.iter().filter(|(_, taken)| !taken.is_zero()) {
            let beside = bare_cpu.0.get(thread).copied().unwrap_or_default();
            rows.push(Row::note(
                &format!("    {thread}"),
                time(each(*taken, &ours)),
                time(each(beside, &bare)),
            ));
        }
        Ok(rows)
    }

    /// From an append until it is at a live reader, at half of full load, beside a bare durable
    /// append and the bare stream at the same rate.
    ///
    /// # Errors
    /// [`io::Error`] where a part does not do its work.
    pub fn live(&self, pushers: usize, appends: usize, half: Duration) -> io::Result<Vec<Row>> {
        let full = Drive {
            pushers,
            appends,
            rate: None,
            follow: true,
            seed: 1,
        };
        let relay = self.relay(pushers * 3 + 64)?;
        let (at_full, _) = self.drive(&relay.server, relay.service, full)?;
        let rate = at_full.rate() / 2.0;
        let paced = Drive {
            appends: count(rate, half),
            rate: Some(rate),
            seed: 1_000_000,
            ..full
        };
        let (ours, cpu) = self.drive(&relay.server, relay.service, paced)?;
        drop(relay);
        let bare = self.bare(paced)?;
        let stream = Server::stream(&["stream"])?;
        let (streamed, _) = self.drive(&stream, Service::Stream, paced)?;
        let median = at(&bare, 0.5);
        let engine = self.engine.name();
        let verdict = |quantile: f64, target: Duration, is_sum: bool| {
            let heard = at(&ours.heard, quantile);
            let target_said = if is_sum {
                format!("≤ baseline + {}", time(LATER))
            } else {
                format!("≤ {}", time(target))
            };
            let name = if is_sum { "median" } else { "99 %" };
            let has_target = self.has_reader_targets();
            Row {
                measure: format!("  append → live reader, {name}; beside it a bare durable append"),
                ours: time(heard),
                baseline: time(at(&bare, quantile)),
                ratio: String::new(),
                target: if has_target {
                    target_said
                } else {
                    String::new()
                },
                met: has_target.then_some(heard <= target),
            }
        };
        let busy = cpu.total().as_secs_f64() / ours.took.as_secs_f64();
        Ok(vec![
            Row::note(
                &format!("full load with a live reader each, {engine}, {pushers} pushers"),
                format!("{:.0}/s", at_full.rate()),
                "–".into(),
            ),
            verdict(0.5, median + LATER, true),
            verdict(0.99, LATEST, false),
            Row::note(
                "  the same over the bare stream, median and 99 %",
                time(at(&streamed.heard, 0.5)),
                time(at(&streamed.heard, 0.99)),
            ),
            latency(
                "  until answered, median; beside it the bare stream",
                &ours,
                &streamed,
                0.5,
            ),
            Row::note(
                "  processors in use by the server",
                format!("{busy:.2}"),
                "–".into(),
            ),
        ])
    }

    /// Whether there are targets for when readers hear: nodes that share a database hear of each other
    /// through it, and the targets are SQLite's.
    fn has_reader_targets(&self) -> bool {
        self.engine.database().is_none()
    }

    /// Bare durable appends at the pace of a drive.
    fn bare(&self, plan: Drive) -> io::Result<hdrhistogram::Histogram<u64>> {
        let directory = TempDir::new()?;
        let bare = Arc::new(self.engine.bare(directory.path()));
        let each = plan.appends.div_ceil(plan.pushers.max(1));
        let bar = bar(plan.appends, "bare rows");
        let all = self.runtime.block_on(async {
            let begin = Instant::now();
            let mut pushers = JoinSet::new();
            for number in 0..plan.pushers {
                let pace = Pace::of(begin, (number, plan.pushers), plan.rate);
                let (bare, bar) = (Arc::clone(&bare), bar.clone());
                pushers.spawn(async move {
                    let mut taken = histogram();
                    for turn in 0..each {
                        let row = BareRow::like(number, turn);
                        let begun = pace.turn(turn).await;
                        bare.append(row).await;
                        note(&mut taken, begun.elapsed());
                        bar.inc(1);
                    }
                    taken
                });
            }
            let mut all = histogram();
            while let Some(taken) = pushers.join_next().await {
                let taken = taken.map_err(io::Error::other)?;
                all.add(taken).map_err(io::Error::other)?;
            }
            io::Result::Ok(all)
        })?;
        bar.finish_and_clear();
        if let Some(bare) = Arc::into_inner(bare) {
            bare.close();
        }
        Ok(all)
    }

    /// Memory of a relay before anybody comes, and of each idle live connection.
    ///
    /// # Errors
    /// [`io::Error`] where a part does not do its work.
    pub fn idle(&self, connections: usize) -> io::Result<Vec<Row>> {
        let (relay, idle) = self.with_idle(connections)?;
        drop(relay);
        Ok(idle.rows(connections))
    }

    /// Idle live connections and appends together.
    ///
    /// # Errors
    /// [`io::Error`] where a part does not do its work.
    pub fn mixed(&self, connections: usize, rate: f64, span: Duration) -> io::Result<Vec<Row>> {
        let (relay, idle) = self.with_idle(connections)?;
        let plan = Drive {
            pushers: 50,
            appends: count(rate, span),
            rate: Some(rate),
            follow: true,
            seed: 2_000_000,
        };
        let (ours, cpu) = self.drive(&relay.server, relay.service, plan)?;
        let busy = cpu.total().as_secs_f64() / ours.took.as_secs_f64();
        let kept = ours.rate() / rate;
        let last = at(&ours.heard, 0.99);
        let has_target = self.has_reader_targets();
        let mut rows = idle.rows(connections);
        rows.extend([
            Row {
                measure: format!("{connections} idle connections and {rate:.0} appends a second"),
                ours: format!("{:.0}/s", ours.rate()),
                baseline: "–".into(),
                ratio: String::new(),
                target: format!("≥ {:.0}/s", rate * 0.98),
                met: Some(kept >= 0.98),
            },
            Row {
                met: has_target.then_some(last <= LATEST),
                ..Row::at_most("  append → live reader, 99 %", last, None, LATEST)
            },
            Row::note(
                "  median until answered, and at a live reader",
                time(at(&ours.answered, 0.5)),
                time(at(&ours.heard, 0.5)),
            ),
            Row::note(
                "  processors in use by the server",
                format!("{busy:.2}"),
                "–".into(),
            ),
        ]);
        Ok(rows)
    }

    /// A relay with so many idle live connections, whose clients stay with the runtime.
    fn with_idle(&self, connections: usize) -> io::Result<(Loaded, Idle)> {
        raise_descriptors(SPARE + u64::try_from(connections).unwrap_or(u64::MAX))?;
        let relay = self.relay(connections + 256)?;
        std::thread::sleep(SETTLE);
        let base = relay.server.resident()?;
        let bar = bar(connections, "idle connections");
        let (address, service) = (relay.server.address(), relay.service);
        let open = self.runtime.block_on(async {
            let spaces = found(address, service, (10_000_000, connections)).await?;
            sleep(SETTLE).await;
            let before = relay.server.resident()?;
            let mut first = Connection::open(address).await?;
            let nonce = service.nonce(&mut first).await?;
            for (number, space) in spaces.iter().enumerate() {
                let connection = Connection::open(address).await?;
                let start = start(&space.id);
                let following = service.follow(connection, (space, number), &nonce, start);
                let mut following = following.await?;
                tokio::spawn(async move {
                    // Until the relay ends.
                    while let Ok(Some(_)) = following.next().await {}
                });
                bar.inc(1);
            }
            sleep(SETTLE).await;
            io::Result::Ok(before)
        });
        let before = open?;
        bar.finish_and_clear();
        let after = relay.server.resident()?;
        Ok((
            relay,
            Idle {
                base,
                before,
                after,
            },
        ))
    }
}

/// Bytes in memory: at the start, with all spaces known, with all connections open.
struct Idle {
    base: u64,
    before: u64,
    after: u64,
}

impl Idle {
    fn rows(&self, connections: usize) -> Vec<Row> {
        let count = u64::try_from(connections.max(1)).unwrap_or(u64::MAX);
        let each = self.after.saturating_sub(self.before) / count;
        vec![
            Row::bytes("memory before anybody comes", self.base, None, BASE),
            Row::bytes(
                &format!("  for each of {connections} idle live connections"),
                each,
                None,
                EACH,
            ),
            Row::note(
                "  all, and before them with their spaces known",
                bytes(self.after),
                bytes(self.before),
            ),
        ]
    }
}

fn latency(measure: &str, ours: &Driven, bare: &Driven, quantile: f64) -> Row {
    Row::note(
        measure,
        time(at(&ours.answered, quantile)),
        time(at(&bare.answered, quantile)),
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count that a command line bounds"
)]
fn count(rate: f64, span: Duration) -> usize {
    (rate * span.as_secs_f64()).round() as usize
}

pub(super) fn bar(length: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {elapsed_precise}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(what)
}
