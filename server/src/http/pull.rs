//! `POST /v1/pull`: catch-up and live in one answer. The connection pulls one page after another
//! out of [`Answer`], which holds a place in each log and nothing of what is there: a slow reader
//! lags and fills no memory.

mod start;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::Request;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Duration, Instant, sleep_until};
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec::{self, Bytes as Blob};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::Rights;
use waymark_wire::message::{Frame, PullRequest, PullSpace, RefusalCode};

use self::start::Starting;
use super::InFlight;
use super::answer::{deny, refuse};
use super::body::receive;
use super::connection::Busy;
use super::handover::Handover;
use crate::bus::{Bus, Hints};
use crate::log::{Log, LogError, Page, Stored, needed_by};
use crate::logging::Short;
use crate::metrics::{Held, Hint};
use crate::node::{Node, unavailable};

/// Seconds between heartbeats: what a reader may ask for.
const HEARTBEAT: std::ops::RangeInclusive<u16> = 5..=300;

pub(super) async fn pull<L: Log, B: Bus>(
    State(node): State<Arc<Node<L, B>>>,
    ConnectInfo(connection): ConnectInfo<InFlight>,
    mut request: Request<Body>,
) -> Response {
    let busy = connection.begin();
    let handover = request.extensions_mut().remove::<Handover>();
    let received =
        receive::<PullRequest, _, _>(&node, &connection, request, limits::PULL_BODY).await;
    let received = match received {
        Ok(received) => received,
        Err(denied) => return deny(&node, denied),
    };
    let (request, room) = (received.value, received.room);
    if !request
        .spaces
        .iter()
        .all(|space| node.is_fresh(&space.proof))
    {
        return refuse(&node, RefusalCode::Nonce, RefusalCode::Nonce.name());
    }
    node.metrics.count_pull(request.live.is_some());
    let handover = handover.filter(|_| request.live.is_some());
    let answer = Answer::new(node, request, (busy, room));
    let pieces = stream::unfold(answer, async |mut answer| {
        let piece = answer.next().await?;
        let pulled = &answer.node.metrics.pulled;
        pulled.inc_by(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        Some((piece, answer))
    });
    match handover {
        Some(handover) => handover.offer(Box::pin(pieces)),
        None => Response::new(Body::from_stream(pieces.map(Ok::<_, Infallible>))),
    }
}

/// An answer, as far as it has not been taken.
struct Answer<L, B: Bus> {
    node: Arc<Node<L, B>>,
    spaces: Vec<Space>,
    /// Spaces that may have entries to send.
    due: VecDeque<Due>,
    begun: bool,
    live: Option<Live<B::Hints>>,
    /// The request is in flight, and what it asked for takes room, as long as this lasts.
    _taken: Taken,
}

type Taken = (Busy, Option<OwnedSemaphorePermit>);

/// A space that is to be looked at.
#[derive(Clone, Copy)]
struct Due {
    number: u16,
    /// Whether nobody said so: the reader looks by itself.
    is_unasked: bool,
}

impl Due {
    const fn now(number: u16) -> Self {
        Self {
            number,
            is_unasked: false,
        }
    }

    const fn unasked(number: u16) -> Self {
        Self {
            number,
            is_unasked: true,
        }
    }
}

struct Live<H> {
    hints: H,
    _held: Held,
    heartbeat: Duration,
    next_heartbeat: Instant,
    recheck: Option<Duration>,
    next_recheck: Option<Instant>,
}

/// How far the answer is in one space.
enum Space {
    /// Nothing has been looked at.
    Asked(PullSpace),
    /// The reader is a member and has what stands before `after`.
    Reading {
        reader: Reader,
        after: u64,
        has_page: bool,
    },
    /// The reader is a member and starts at a checkpoint.
    Starting(Reader, Starting),
    /// The reader is a member and gets the entries with these ids, and no others.
    Fetching(Reader, Vec<EntryId>),
    /// Nothing more comes.
    Ended,
}

/// Who reads which space.
#[derive(Clone, Copy)]
struct Reader {
    space: SpaceId,
    device: DeviceNumber,
    writes: bool,
    /// Whether own entries are to come whole.
    whole: bool,
}

impl<L: Log, B: Bus> Answer<L, B> {
    fn new(node: Arc<Node<L, B>>, request: PullRequest, taken: Taken) -> Self {
        let live = request.live.map(|seconds| {
            let seconds = seconds.clamp(*HEARTBEAT.start(), *HEARTBEAT.end());
            let heartbeat = Duration::from_secs(seconds.into());
            let recheck = node.bus.recheck();
            Live {
                hints: node.bus.subscribe(),
                _held: Held::one_of(&node.metrics.live),
                heartbeat,
                next_heartbeat: Instant::now() + heartbeat,
                recheck,
                next_recheck: recheck.map(|every| Instant::now() + node.first_look(every)),
            }
        });
        let spaces: Vec<_> = request.spaces.into_iter().map(Space::Asked).collect();
        Self {
            node,
            due: (0..).map(Due::now).take(spaces.len()).collect(),
            spaces,
            begun: false,
            live,
            _taken: taken,
        }
    }

    /// The next frames; `None` where the answer is at its end.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.begun {
            self.begun = true;
            let (relay, nonce) = (self.node.key(), self.node.nonce());
            return Some(codec::encode(&Frame::Hello { relay, nonce }).into());
        }
        loop {
            if *self.node.stopping.borrow() {
                return None;
            }
            match self.due.pop_front() {
                Some(Due { number, is_unasked }) => {
                    if let Some(frames) = self.serve(number).await {
                        if is_unasked {
                            self.node.metrics.count_hint(Hint::Missed);
                        }
                        return Some(frames.into());
                    }
                }
                None => {
                    if let Some(frame) = self.wait().await? {
                        return Some(codec::encode(&frame).into());
                    }
                }
            }
        }
    }

    /// Waits until something is due: `None` where nothing will ever be.
    async fn wait(&mut self) -> Option<Option<Frame>> {
        if self.spaces.iter().all(|s| matches!(s, Space::Ended)) {
            return None;
        }
        let live = self.live.as_mut()?;
        let mut stopping = self.node.stopping.clone();
        let far = live.next_heartbeat + live.heartbeat;
        tokio::select! {
            number = live.hints.next() => {
                self.node.metrics.count_hint(Hint::Heard);
                self.due.push_back(Due::now(number));
                Some(None)
            }
            () = sleep_until(live.next_heartbeat) => {
                live.next_heartbeat = Instant::now() + live.heartbeat;
                for space in &self.spaces {
                    space.is_still_read(&self.node);
                }
                Some(Some(Frame::Heartbeat { nonce: self.node.nonce() }))
            }
            () = sleep_until(live.next_recheck.unwrap_or(far)) => {
                live.next_recheck = live.recheck.map(|every| Instant::now() + every);
                self.due.extend((0..).map(Due::unasked).take(self.spaces.len()));
                Some(None)
            }
            _ = stopping.changed() => None,
        }
    }

    /// The next frames of one space, if there are any.
    async fn serve(&mut self, number: u16) -> Option<Vec<u8>> {
        let space = self.spaces.get_mut(usize::from(number))?;
        if let Space::Asked(asked) = space {
            let (id, begun) = (asked.proof.space, Instant::now());
            *space = match begin(&self.node, asked).await {
                Ok(reading) => {
                    // Heard before the first page is read, so that nothing falls in between.
                    if let Some(live) = &mut self.live {
                        live.hints.follow(&id, number);
                    }
                    reading
                }
                Err(refused) => {
                    self.node.even_out(refused.code, begun).await;
                    self.spaces[usize::from(number)] = Space::Ended;
                    return Some(self.refuse(refused, number));
                }
            };
        }
        match space.next(&self.node, number).await {
            Ok((frames, has_more)) => {
                if has_more {
                    self.due.push_front(Due::now(number));
                }
                frames
            }
            Err(refused) => {
                *space = Space::Ended;
                Some(self.refuse(refused, number))
            }
        }
    }

    fn refuse(&self, refused: Refusal, number: u16) -> Vec<u8> {
        self.node.metrics.count_refused(refused.code.name());
        codec::encode(&refused.frame(number))
    }
}

impl Space {
    /// Who stays connected uses the space, also where nothing comes.
    fn is_still_read<L: Log, B: Bus>(&self, node: &Node<L, B>) {
        if let Self::Reading { reader, .. } = self {
            node.is_read(&reader.space);
        }
    }

    /// The next frames, where there are any, and whether more are due at once.
    async fn next<L: Log, B: Bus>(
        &mut self,
        node: &Node<L, B>,
        number: u16,
    ) -> Result<(Option<Vec<u8>>, bool), Refusal> {
        match self {
            Self::Reading {
                reader,
                after,
                has_page,
            } => {
                let Some((frames, page)) = page(node, number, *reader, *after, !*has_page).await?
                else {
                    return Ok((None, false));
                };
                *after = page.end.seq;
                *has_page = true;
                Ok((Some(frames), page.end.seq < page.head))
            }
            Self::Starting(reader, starting) => {
                let (frames, is_all) = start::page(node, number, *reader, starting).await?;
                if is_all {
                    *self = Self::Reading {
                        reader: *reader,
                        after: starting.until.seq,
                        has_page: true,
                    };
                }
                Ok((Some(frames), true))
            }
            Self::Fetching(reader, ids) => {
                let (frames, is_all) = start::fetch(node, number, *reader, ids).await?;
                if is_all {
                    *self = Self::Ended;
                }
                Ok((Some(frames), !is_all))
            }
            Self::Asked(_) | Self::Ended => Ok((None, false)),
        }
    }
}

/// Why a space is not read.
struct Refusal {
    code: RefusalCode,
    agreed: Option<Position>,
}

impl Refusal {
    fn frame(self, space: u16) -> Frame {
        Frame::Refused {
            space,
            code: self.code,
            agreed: self.agreed,
        }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, agreed: None }
    }
}

/// Looks whether a reader may read, and whether its place is on the log.
async fn begin<L: Log, B: Bus>(node: &Node<L, B>, asked: &PullSpace) -> Result<Space, Refusal> {
    let member = node.reader(&asked.proof).await?;
    let space = asked.proof.space;
    let counted = node
        .rates
        .act(&space, asked.proof.device, 1, Instant::now().into_std());
    counted.map_err(|_| RefusalCode::TooOften)?;
    let reader = Reader {
        space,
        device: asked.proof.device,
        writes: member.rights.include(Rights::WRITE),
        whole: asked.whole,
    };
    if !asked.ids.is_empty() {
        return Ok(Space::Fetching(reader, asked.ids.clone()));
    }
    if let Some(starting) = start::at_checkpoint(node, asked).await? {
        return Ok(Space::Starting(reader, starting));
    }
    let start = Cursor::start(&space).position();
    let mut places = vec![asked.after];
    places.extend(&asked.earlier);
    places.push(start);
    let agreed = node.log.agreed(space, places).await.map_err(unavailable)?;
    if agreed != Some(asked.after) {
        let usage = node.log.usage(space).await.map_err(unavailable)?;
        if usage.is_some_and(|usage| asked.after.seq.saturating_add(1) < usage.oldest) {
            return Err(RefusalCode::Dropped.into());
        }
        tracing::info!(space = %Short(&space), "a reader is not on this log");
        return Err(Refusal {
            code: RefusalCode::UnknownPosition,
            agreed,
        });
    }
    Ok(Space::Reading {
        reader,
        after: asked.after.seq,
        has_page: false,
    })
}

/// One page as frames; `None` where it is empty, unless `even_empty`. A reader whose membership is
/// over gets none: not the entry that ended it either, nor what stands before that.
async fn page<L: Log, B: Bus>(
    node: &Node<L, B>,
    number: u16,
    reader: Reader,
    after: u64,
    even_empty: bool,
) -> Result<Option<(Vec<u8>, Page)>, Refusal> {
    let page = node.log.page(reader.space, after).await;
    let mut page = page.map_err(|error| match error {
        // It went while the answer was under way.
        LogError::Dropped => RefusalCode::Dropped,
        error => unavailable(error),
    })?;
    node.reads_on(reader.space, reader.device).await?;
    if page.entries.is_empty() && !even_empty {
        return Ok(None);
    }
    let mut frames = Vec::new();
    for stored in std::mem::take(&mut page.entries) {
        let frames_of = entry(node, number, reader, stored).await;
        for frame in frames_of.map_err(unavailable)? {
            frames.extend_from_slice(&codec::encode(&frame));
        }
    }
    frames.extend_from_slice(&codec::encode(&Frame::Page {
        space: number,
        receipt: node.receipt(&reader.space, page.end),
        head: page.head,
    }));
    Ok(Some((frames, page)))
}

/// An entry as a reader gets it: a stub where it is the reader's own and those are not to come whole,
/// after its attachments where it changes the membership.
async fn entry<L: Log, B: Bus>(
    node: &Node<L, B>,
    space: u16,
    reader: Reader,
    stored: Stored,
) -> Result<Vec<Frame>, LogError> {
    let Stored { seq, id, bytes } = stored;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let entry = match Entry::parse(bytes.clone()) {
        Ok(entry) => entry,
        // Not what was stored: the reader will see that, and say so.
        Err(_) => {
            let entry = Blob(bytes);
            return Ok(vec![Frame::Entry { space, seq, entry }]);
        }
    };
    let mut frames = Vec::new();
    if entry.header().kind == Kind::Membership {
        let hashes = needed_by(reader.device, reader.writes, &entry);
        if !hashes.is_empty() {
            let attachments = node.log.attachments(reader.space, hashes).await?;
            frames.extend(attachments.into_iter().map(|bytes| Frame::Attachment {
                space,
                bytes: Blob(bytes),
            }));
        }
    } else if entry.header().device == reader.device && !reader.whole {
        frames.push(Frame::Own {
            space,
            seq,
            id,
            length,
        });
        return Ok(frames);
    }
    let entry = Blob(entry.into_bytes());
    frames.push(Frame::Entry { space, seq, entry });
    Ok(frames)
}
