//! Reading that does not go through the log from one place on: a newcomer's start at a checkpoint, and
//! entries that are asked for by their ids.

use waymark_wire::chain::Position;
use waymark_wire::codec::{self, Bytes as Blob};
use waymark_wire::ids::EntryId;
use waymark_wire::message::{Frame, PlacedEntry, PullSpace, RefusalCode};

use super::{Reader, Refusal, entry};
use crate::bus::Bus;
use crate::log::{Log, Start, Stored};
use crate::node::{Node, unavailable};

/// How far a newcomer has come with what a checkpoint covers.
pub(super) struct Starting {
    /// The checkpoint, until it is sent.
    start: Option<Start>,
    /// The last membership entry that was sent.
    members: u64,
    /// The place that the checkpoint reaches.
    pub(super) until: Position,
}

/// Where the reader starts, if that is a checkpoint.
pub(super) async fn at_checkpoint<L: Log, B: Bus>(
    node: &Node<L, B>,
    asked: &PullSpace,
) -> Result<Option<Starting>, Refusal> {
    if !asked.from_checkpoint {
        return Ok(None);
    }
    let start = node.log.start(asked.proof.space).await;
    let start = start.map_err(unavailable)?;
    Ok(start
        .filter(|start| start.end.seq > asked.after.seq)
        .map(|start| Starting {
            until: start.end,
            members: 0,
            start: Some(start),
        }))
}

/// The next page of what a newcomer gets before the log: the checkpoint first, then membership
/// entries. Whether that was all.
pub(super) async fn page<L: Log, B: Bus>(
    node: &Node<L, B>,
    number: u16,
    reader: Reader,
    starting: &mut Starting,
) -> Result<(Vec<u8>, bool), Refusal> {
    let (after, until) = (starting.members, starting.until.seq);
    let page = node.log.members(reader.space, after, until).await;
    let page = page.map_err(unavailable)?;
    node.reads_on(reader.space, reader.device).await?;
    let mut frames = Vec::new();
    if let Some(start) = starting.start.take() {
        frames.extend(codec::encode(&Frame::Checkpoint {
            space: number,
            checkpoint: placed(start.checkpoint),
            acks: start.acks.into_iter().map(placed).collect(),
        }));
    }
    for stored in page.entries {
        let frames_of = entry(node, number, reader, stored).await;
        for frame in frames_of.map_err(unavailable)? {
            frames.extend(codec::encode(&frame));
        }
    }
    frames.extend(codec::encode(&Frame::Page {
        space: number,
        receipt: node.receipt(&reader.space, page.end),
        head: page.head,
    }));
    starting.members = page.end.seq;
    Ok((frames, page.end.seq >= until))
}

/// Some of the entries with these ids, which are taken from the list; at its end a page without
/// entries says how far the log goes. Whether that was all.
pub(super) async fn fetch<L: Log, B: Bus>(
    node: &Node<L, B>,
    space: u16,
    reader: Reader,
    ids: &mut Vec<EntryId>,
) -> Result<(Vec<u8>, bool), Refusal> {
    let fetched = node.log.entries(reader.space, ids.clone()).await;
    let fetched = fetched.map_err(unavailable)?;
    let usage = node.log.usage(reader.space).await.map_err(unavailable)?;
    let usage = usage.ok_or(RefusalCode::NotFound)?;
    node.reads_on(reader.space, reader.device).await?;
    let mut frames = Vec::new();
    for Stored { seq, bytes, .. } in fetched.entries {
        let entry = Blob(bytes);
        frames.extend(codec::encode(&Frame::Entry { space, seq, entry }));
    }
    // Never none, so that an answer has an end.
    ids.drain(..fetched.looked_at.max(1).min(ids.len()));
    if ids.is_empty() {
        frames.extend(codec::encode(&Frame::Page {
            space,
            receipt: node.receipt(&reader.space, usage.head),
            head: usage.head.seq,
        }));
    }
    Ok((frames, ids.is_empty()))
}

fn placed(stored: Stored) -> PlacedEntry {
    PlacedEntry {
        seq: stored.seq,
        entry: Blob(stored.bytes),
    }
}
