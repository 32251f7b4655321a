//! Starting at a checkpoint: who asks for one, what becomes of what a relay offers, and what is done
//! where it is refused.
//!
//! A device that has read nothing asks for a checkpoint at once, any other one where the relay says that
//! it has let go of what would be read next. Where a checkpoint is refused, a newcomer asks for the log
//! from its first entry on. Where the relay has let go of that too, the space waits, and says why.

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::checkpoint::CheckpointBody;
use waymark_wire::entry::Entry;
use waymark_wire::message::{PlacedEntry, RefusalCode};
use waymark_wire::receipt::Receipt;

use super::fetch::Fetch;
use super::machine::SpaceSync;
use super::reading::Reading;
use super::{Event, Machine, Problem, Timestamp};
use crate::engine::Engine;
use crate::space::{Item, Offer, Space, SpaceError, StartFault};

/// Bytes of membership entries, and of what they name, that are held until the place of a checkpoint is
/// reached, at most.
const MEMBERS: usize = 32 * 1024 * 1024;

/// What a space is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Ask {
    /// The log after the place that was reached.
    #[default]
    Log,
    /// The log from its first entry on, because a checkpoint was refused.
    FromStart,
    /// A checkpoint to start at, or else the log.
    Checkpoint,
}

/// How a space stands with starting at a checkpoint.
#[derive(Debug, Default)]
pub(super) struct Starting {
    /// The relay said that it has let go of what this device would read otherwise.
    pub(super) is_dropped: bool,
    /// What was wrong with a checkpoint; the log is asked for from its start instead.
    pub(super) refused: Option<Problem>,
    /// What is wrong with the documents of the one at which this device started, where they are waited
    /// for no more.
    pub(super) failed: Option<Problem>,
    /// They are asked for once more.
    pub(super) tries_again: bool,
    /// Snapshots that are being fetched.
    pub(super) fetch: Option<Fetch>,
}

/// A checkpoint that a relay offers, as far as it has come.
#[derive(Debug)]
pub(super) struct Offered {
    checkpoint: PlacedEntry,
    /// The place that it covers; 0 where it cannot be read.
    until: u64,
    members: Vec<Item>,
    receipts: Vec<Receipt>,
    bytes: usize,
}

impl Offered {
    pub(super) fn new(checkpoint: PlacedEntry) -> Self {
        let entry = Entry::parse(checkpoint.entry.0.clone()).ok();
        let body = entry
            .as_ref()
            .map(|entry| CheckpointBody::parse(entry.body()));
        Self {
            until: body.and_then(Result::ok).map_or(0, |body| body.public.seq),
            checkpoint,
            members: Vec::new(),
            receipts: Vec::new(),
            bytes: 0,
        }
    }
}

impl Ask {
    /// What is to be asked of a space.
    pub(super) fn of(space: &Space, sync: &SpaceSync) -> Self {
        if sync.start.refused.is_some() {
            Self::FromStart
        } else if space.is_on_trial() {
            Self::Log
        } else if space.is_newcomer() || space.starts_behind_cut() || sync.start.is_dropped {
            Self::Checkpoint
        } else {
            Self::Log
        }
    }

    /// From which place on.
    pub(super) fn after(self, space: &Space) -> Position {
        match self {
            Self::FromStart => Cursor::start(&space.id()).position(),
            Self::Checkpoint | Self::Log => space.reads_after(),
        }
    }
}

impl Machine {
    /// C: a person decided to start at a checkpoint of a space as it is.
    pub fn start_soon(&mut self, number: u32) {
        let sync = self.spaces.entry(number).or_default();
        sync.backoff.hurry();
        sync.wants_pull = true;
    }

    /// Takes a page of the membership up to a checkpoint's place. Says whether more is to be taken of
    /// this answer.
    pub(super) fn offered(
        &mut self,
        engine: &mut Engine,
        reading: &mut Reading,
        items: Vec<Item>,
        receipt: &Receipt,
        now: Timestamp,
    ) -> bool {
        let number = reading.number;
        let Some(offered) = &mut reading.offered else {
            return false;
        };
        offered.bytes += items.iter().map(Item::size).sum::<usize>();
        offered.members.extend(items);
        offered.receipts.push(receipt.clone());
        let is_too_large = offered.bytes > MEMBERS;
        if receipt.position.seq < offered.until && !is_too_large {
            return true;
        }
        let Some(offered) = reading.offered.take() else {
            return false;
        };
        reading.ask = Ask::Log;
        let seq = offered.checkpoint.seq;
        let is_dropped = self.spaces.entry(number).or_default().start.is_dropped;
        let offer = Offer {
            seq,
            checkpoint: offered.checkpoint.entry.0,
            members: offered.members,
            receipts: offered.receipts,
            is_dropped,
        };
        let why = StartFault::TooLarge;
        let started = match engine.parts(number) {
            _ if is_too_large => Err(SpaceError::Checkpoint { seq, why }),
            Some((space, store, entropy)) => space.start_at(store, entropy, offer),
            None => return false,
        };
        match started {
            Ok(()) => {
                if let Some(space) = engine.space_by_number(number) {
                    self.events.push_back(Event::Status { space: space.id() });
                }
                true
            }
            Err(error) => {
                self.start_refused(engine, number, error, now);
                false
            }
        }
    }

    /// At the log's end, a device that lacks what stood before something was forgotten may start at a
    /// checkpoint behind it: whether it does.
    pub(super) fn starts_behind_cut(
        engine: &mut Engine,
        number: u32,
        now: Timestamp,
    ) -> Result<bool, SpaceError> {
        let Some((space, store, entropy)) = engine.parts(number) else {
            return Ok(false);
        };
        space.start_behind_cut(store, entropy, now.0)
    }

    /// A checkpoint, or what the log shows behind it, is not taken: nothing of it is kept.
    pub(super) fn start_refused(
        &mut self,
        engine: &mut Engine,
        number: u32,
        error: SpaceError,
        now: Timestamp,
    ) {
        tracing::warn!(space = number, %error, "this device does not start at a checkpoint");
        let Some((space, store, _)) = engine.parts(number) else {
            return;
        };
        if let Err(error) = space.undo_start(store) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let is_newcomer = space.is_newcomer();
        let sync = self.spaces.entry(number).or_default();
        sync.caught_up = false;
        let is_store = matches!(error, SpaceError::Store(_));
        if is_store || !is_newcomer || sync.start.is_dropped {
            return self.space_failed(engine, number, error.into(), now);
        }
        sync.start.refused = Some(error.into());
        sync.wants_pull = true;
    }

    /// The relay has let go of what it was asked for.
    pub(super) fn dropped(
        &mut self,
        engine: &mut Engine,
        (number, ask): (u32, Ask),
        now: Timestamp,
    ) {
        let Some((space, store, _)) = engine.parts(number) else {
            return;
        };
        let may_read_anew = space.may_read_anew();
        // What comes behind the checkpoint is gone as well: there is a later one by now.
        let is_outdated = ask == Ask::Log && space.is_on_trial();
        if is_outdated && let Err(error) = space.undo_start(store) {
            return self.space_failed(engine, number, error.into(), now);
        }
        let sync = self.spaces.entry(number).or_default();
        if is_outdated && sync.start.is_dropped {
            // A relay that offers what it then says is gone could go on like this for ever.
            let problem = Problem::Refused(RefusalCode::Dropped);
            return self.space_failed(engine, number, problem, now);
        }
        match ask {
            Ask::Checkpoint => {
                let problem = Problem::Refused(RefusalCode::Dropped);
                return self.space_failed(engine, number, problem, now);
            }
            Ask::FromStart if may_read_anew => {
                let refused = sync.start.refused.take();
                return self.documents_failed(engine, number, refused);
            }
            // There is nothing but a checkpoint, and who says so may be believed of it or not.
            Ask::FromStart => sync.start.refused = None,
            Ask::Log => {}
        }
        sync.start.is_dropped = true;
        sync.wants_pull = true;
    }

    /// The first page of a log that is asked for from its start because a checkpoint was refused.
    pub(super) fn begins_anew(
        &mut self,
        engine: &mut Engine,
        number: u32,
    ) -> Result<(), SpaceError> {
        let Some((space, store, entropy)) = engine.parts(number) else {
            return Ok(());
        };
        if space.may_read_anew() {
            space.read_anew(store, entropy)?;
            let id = space.id();
            self.events.push_back(Event::Status { space: id });
        }
        let sync = self.spaces.entry(number).or_default();
        sync.caught_up = false;
        sync.start = Starting::default();
        Ok(())
    }

    /// The documents of a checkpoint cannot be had. A newcomer asks for the log instead.
    pub(super) fn documents_refused(
        &mut self,
        engine: &mut Engine,
        url: &str,
        number: u32,
        error: SpaceError,
    ) {
        let Some(space) = engine.space_by_number(number) else {
            return;
        };
        if !space.may_read_anew() {
            return self.documents_failed(engine, number, Some(error.into()));
        }
        self.cancel_pull(url);
        let sync = self.spaces.entry(number).or_default();
        sync.start.refused = Some(error.into());
        sync.wants_pull = true;
    }

    /// They cannot be had at all, for now. The space goes on with what it has.
    fn documents_failed(&mut self, engine: &Engine, number: u32, problem: Option<Problem>) {
        let sync = self.spaces.entry(number).or_default();
        sync.start.failed.clone_from(&problem);
        sync.problem = problem;
        sync.wants_pull = true;
        if let Some(space) = engine.space_by_number(number) {
            self.events.push_back(Event::Status { space: space.id() });
        }
    }
}
