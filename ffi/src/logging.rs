//! What the library says while it runs, for an app's own log.

use std::fmt::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use waymark_core::client::WaymarkError;

use crate::ListenerError;

/// What an app implements to write the library's own events to its log. They tell of states and
/// numbers, and hold nothing that people wrote, no names and no keys. Events of the libraries below
/// are not among them.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Something happened. The calls come from one thread, one after another, and never while a lock
    /// is held.
    ///
    /// # Errors
    /// What is thrown is dropped; the next events come all the same.
    fn log(&self, event: LogEvent) -> Result<(), ListenerError>;
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct LogEvent {
    /// How serious it is.
    pub level: LogLevel,
    /// The part of the library that says it, such as `waymark_core::sync::machine`.
    pub part: String,
    /// What happened, with the numbers that belong to it, as `key=value`.
    pub text: String,
}

/// How serious something is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, uniffi::Enum)]
pub enum LogLevel {
    /// For whoever works on the library.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be; it is dealt with.
    Warning,
}

/// Has the library's events written to a sink from now on, those of a level and more serious ones;
/// without a sink, no longer. There is one for the whole process.
///
/// # Errors
/// `not_allowed` where the process writes such events elsewhere already, as a program in Rust may;
/// `internal` where the system has no threads left.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>, level: LogLevel) -> Result<(), WaymarkError> {
    let line = sink.map(|sink| line(sink, level)).transpose()?;
    let mut subscribed = SUBSCRIBED.write().unwrap_or_else(PoisonError::into_inner);
    if line.is_some() && !*subscribed {
        tracing::subscriber::set_global_default(Bridge).map_err(|_| WaymarkError::NotAllowed {
            reason: "this process has another log".into(),
        })?;
        *subscribed = true;
    }
    let old = std::mem::replace(
        &mut *LINE.write().unwrap_or_else(PoisonError::into_inner),
        line,
    );
    drop(subscribed);
    // The thread ends with the last sender; a foreign object's end may run foreign code.
    drop(old);
    Ok(())
}

/// Where events go now.
struct Line {
    events: SyncSender<LogEvent>,
    level: LogLevel,
}

static LINE: RwLock<Option<Line>> = RwLock::new(None);
static SUBSCRIBED: RwLock<bool> = RwLock::new(false);

/// Events that wait to be written. A sink that is slower loses the rest: nothing waits for a log.
const WAITING: usize = 256;
/// Characters of an event; more is cut.
const LONGEST: usize = 1_000;

fn line(sink: Arc<dyn LogSink>, level: LogLevel) -> Result<Line, WaymarkError> {
    let (events, written) = sync_channel(WAITING);
    thread::Builder::new()
        .name("waymark-log".into())
        .spawn(move || write(&written, sink.as_ref()))
        .map_err(|error| WaymarkError::Internal {
            reason: format!("the log's thread did not start: {error}"),
        })?;
    Ok(Line { events, level })
}

fn write(events: &Receiver<LogEvent>, sink: &dyn LogSink) {
    while let Ok(event) = events.recv() {
        // A sink that throws has been told.
        let _ = sink.log(event);
    }
}

/// Hands the events of this library's own code to the line.
struct Bridge;

impl Subscriber for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.target().starts_with("waymark_") && metadata.is_event() {
            // The sink may be another the next time.
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let line = LINE.read().unwrap_or_else(PoisonError::into_inner);
        line.as_ref()
            .is_some_and(|line| level(metadata) >= line.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let event = LogEvent {
            level: level(event.metadata()),
            part: event.metadata().target().into(),
            text: text.whole(),
        };
        let line = LINE.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = line.as_ref() {
            let _ = line.events.try_send(event);
        }
    }

    // The library opens no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn level(metadata: &Metadata<'_>) -> LogLevel {
    match *metadata.level() {
        Level::ERROR | Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// An event as text: what it says, then its fields.
#[derive(Default)]
struct Text {
    said: String,
    fields: String,
}

impl Text {
    fn whole(self) -> String {
        let whole = self.said + &self.fields;
        whole.chars().take(LONGEST).collect()
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.said, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
