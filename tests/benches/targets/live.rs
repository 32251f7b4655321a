//! Two devices online: from the edit on one to the change event on the other, beside the raw
//! stream of the HTTP stack with the commits that have to lie between.

use std::convert::Infallible;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::post;
use axum::serve::ListenerExt;
use futures_util::stream;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use waymark_core::client::{Change, ChangeListener};
use waymark_core::model::RecordId;
use waymark_tests::{TestRelay, begin, link_therapist};

use crate::Effort;
use crate::bare::Rows;
use crate::diary::Diary;
use crate::report::Row;
use crate::rounds::{median, timed};

/// Between two edits, so that each finds everything at rest, as a person's does.
const REST: Duration = Duration::from_millis(5);
/// What an append of one check-in has, with its answer left out.
const REQUEST: usize = 464;
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn edit_to_event(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    let relay = runtime.block_on(TestRelay::start());
    let (phone, plan) = begin(&relay);
    let mut diary = Diary::begin(phone.client(), plan);
    let tablet = runtime.block_on(link_therapist(&phone, plan));
    let (heard, events) = channel();
    tablet.client().listen(Arc::new(Heard(heard)));
    let _live = [phone.client().sync().live(), tablet.client().sync().live()];

    let directory = TempDir::new().expect("a directory");
    let mut raw = Raw::start(&runtime, directory.path());
    let mut commits = Rows::make(&made(directory.path(), "commits"));

    let (mut returned, mut whole) = (Vec::new(), Vec::new());
    let (mut streamed, mut committed) = (Vec::new(), Vec::new());
    let warm_up = 20;
    for round in 0..warm_up + effort.of(400, 60) {
        phone.clock().advance(diary.pause());
        let check_in = diary.next();
        sleep(REST);
        let start = Instant::now();
        let logged = phone.client().check_ins().log(plan, &check_in);
        let record = logged.expect("logged").record();
        let durable = start.elapsed();
        let event = arrival(&events, record) - start;
        sleep(REST);
        let stream = raw.round();
        sleep(REST);
        let (four, ()) = timed(|| (0..4).for_each(|_| commits.commit(&[7; REQUEST])));
        if round >= warm_up {
            returned.push(event.saturating_sub(durable));
            whole.push(event);
            streamed.push(stream);
            committed.push(four);
        }
    }
    let most = Duration::from_micros(1_500);
    let whole = median(whole);
    let measure = "durable edit → change event at the other (edit included)";
    vec![
        Row::at_most(measure, whole, Some(median(streamed)), most),
        Row::note(
            "  from the edit's return; beside it four bare commits",
            crate::report::time(median(returned)),
            crate::report::time(median(committed)),
        ),
    ]
}

struct Heard(Sender<(Instant, Vec<RecordId>)>);

impl ChangeListener for Heard {
    fn changed(&self, changes: Vec<Change>) {
        let at = Instant::now();
        for change in changes {
            if let Change::Records { records, .. } = change {
                // The measurement may be over.
                let _ = self.0.send((at, records));
            }
        }
    }
}

fn arrival(events: &Receiver<(Instant, Vec<RecordId>)>, record: RecordId) -> Instant {
    loop {
        let (at, records) = events.recv_timeout(PATIENCE).expect("the event comes");
        if records.contains(&record) {
            return at;
        }
    }
}

/// The same way without Waymark: a row is committed (the edit), a second one (the sealed entry),
/// posted, committed by the server, streamed, committed by the reader.
struct Raw {
    edits: Rows,
    writer: Arc<Mutex<Rows>>,
    client: reqwest::Client,
    url: String,
    heard: Receiver<Instant>,
}

impl Raw {
    fn start(runtime: &Runtime, directory: &Path) -> Self {
        let (hints, _) = broadcast::channel::<Bytes>(16);
        let rows = Mutex::new(Rows::make(&made(directory, "server")));
        let streams = hints.clone();
        let append = async move |body: Bytes| {
            commit(&rows, &body);
            // Nobody may listen yet.
            let _ = hints.send(body);
        };
        let append = Arc::new(append);
        let pull = async move || {
            let hints = streams.subscribe();
            Body::from_stream(stream::unfold(hints, async |mut hints| {
                let piece = hints.recv().await.ok()?;
                Some((Ok::<_, Infallible>(piece), hints))
            }))
        };
        let app = Router::new()
            .route("/append", post(async move |body: Bytes| append(body).await))
            .route("/pull", post(pull));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let listener = listener.tap_io(|io| {
            let _ = io.set_nodelay(true);
        });
        runtime.spawn(async move { axum::serve(listener, app).await });

        let (tell, heard) = channel();
        let reader = Mutex::new(Rows::make(&made(directory, "reader")));
        let pull = client().post(format!("{url}/pull"));
        let (ready, begun) = channel();
        runtime.spawn(async move {
            let mut answer = pull.send().await.expect("an answer");
            ready.send(()).expect("somebody waits");
            while let Ok(Some(piece)) = answer.chunk().await {
                commit(&reader, &piece);
                if tell.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
        begun.recv_timeout(PATIENCE).expect("the stream begins");
        Self {
            edits: Rows::make(&made(directory, "edits")),
            writer: Arc::new(Mutex::new(Rows::make(&made(directory, "writer")))),
            client: client(),
            url,
            heard,
        }
    }

    fn round(&mut self) -> Duration {
        let start = Instant::now();
        self.edits.commit(&[7; 200]);
        let post = self.client.post(format!("{}/append", self.url));
        let writer = Arc::clone(&self.writer);
        let posted = tokio::spawn(async move {
            let body = vec![7; REQUEST];
            commit(&writer, &body);
            post.body(body).send().await.expect("an answer").status()
        });
        let heard = self.heard.recv_timeout(PATIENCE).expect("it is streamed");
        drop(posted);
        heard - start
    }
}

fn commit(rows: &Mutex<Rows>, bytes: &[u8]) {
    rows.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .commit(bytes);
}

fn made(directory: &Path, name: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    std::fs::create_dir(&path).expect("a directory");
    path
}

/// Set up as the driver's.
fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .tcp_nodelay(true)
        .no_proxy()
        .build()
        .expect("a client")
}
