//! A relay that alters what it keeps: one byte of one entry, in a copy of its database.

use rusqlite::Connection;
use waymark_core::client::WaymarkError;
use waymark_server::inspect::{self, StoredEntry};
use waymark_server::log::DATABASE;
use waymark_wire::entry::{Entry, HEADER, Header, Kind};

use super::error::DemoError;
use super::folder;
use super::relay::RunningRelay;
use super::story::{RELAY, Story};

/// Directory of the copy.
const ALTERED: &str = "relay-altered";
/// The byte that is flipped: the eighth of the sealed text.
const FLIPPED: usize = HEADER + 7;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Tampered {
    /// The entry as it was.
    pub(crate) entry: StoredEntry,
    /// Its header.
    pub(crate) header: Header,
    /// Who signed it, as the reader knows.
    pub(crate) signer: String,
    /// What the reader said.
    pub(crate) refusal: Option<WaymarkError>,
    /// Whether what the reader shows stayed as it was.
    pub(crate) untouched: bool,
    /// Whether the honest relay was believed afterwards, and brought something new.
    pub(crate) recovered: bool,
}

/// Has the tablet read from a relay that altered the phone's last batch, then from the honest one.
///
/// # Errors
/// Where the story cannot go on; that the tablet refuses is no error.
pub(crate) async fn tamper(story: &mut Story<'_>) -> Result<Tampered, DemoError> {
    let honest = story.folder.join(RELAY);
    let altered = story.folder.join(ALTERED);
    let (entry, header) = last_batch(story)?;
    let members = story.tablet.client.people().members(story.plan)?;
    let signer = members.into_iter().nth(usize::from(header.device.0));
    let signer = signer
        .and_then(|member| member.device_name)
        .unwrap_or_default();

    story.wire.cut().await;
    if let Some(relay) = story.relay.take() {
        relay.stop().await?;
    }
    folder::copy(&honest, &altered)?;
    flip(&altered.join(DATABASE), &entry)?;
    let before = story.tablet.client.projection_hash(story.plan)?;
    let relay = RunningRelay::start(&altered).await?;
    story.wire.lead_to(relay.address()).await;
    let refusal = story.tablet.sync(&story.wire).await.err();
    let untouched = story.tablet.client.projection_hash(story.plan)? == before;
    story.wire.cut().await;
    relay.stop().await?;

    let relay = RunningRelay::start(&honest).await?;
    story.wire.lead_to(relay.address()).await;
    story.relay = Some(relay);
    story.tablet.sync(&story.wire).await?;
    let recovered = story.tablet.client.projection_hash(story.plan)? != before;
    Ok(Tampered {
        entry,
        header,
        signer,
        refusal,
        untouched,
        recovered,
    })
}

impl Tampered {
    /// Whether the reader named entry and signer, applied nothing, and went on with the honest
    /// relay.
    pub(crate) fn was_refused(&self) -> bool {
        let named = self.refusal.as_ref().is_some_and(|refusal| {
            let text = refusal.to_string();
            refusal.code() == "relay_untrusted"
                && text.contains(&format!("entry {} is refused", self.entry.seq))
                && text.contains(&self.header.device.to_string())
        });
        named && self.untouched && self.recovered
    }
}

impl std::fmt::Display for Tampered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seq = self.entry.seq;
        write!(
            f,
            "a flipped byte in entry {seq} was refused by name, and nothing of it applied"
        )
    }
}

/// The phone's last batch, which the tablet has not read.
fn last_batch(story: &Story<'_>) -> Result<(StoredEntry, Header), DemoError> {
    let members = story.phone.client.people().members(story.plan)?;
    let own = members.iter().position(|member| member.this_device);
    let stored = inspect::entries(&story.folder.join(RELAY))?;
    let batches = stored.into_iter().rev().filter_map(|stored| {
        let header = *Entry::parse(stored.bytes.clone()).ok()?.header();
        let is_it = stored.space.0 == story.plan.0
            && header.kind == Kind::Batch
            && Some(usize::from(header.device.0)) == own;
        is_it.then_some((stored, header))
    });
    batches
        .into_iter()
        .next()
        .ok_or(DemoError::Story("the relay keeps no batch of the phone"))
}

fn flip(database: &std::path::Path, entry: &StoredEntry) -> Result<(), DemoError> {
    let mut bytes = entry.bytes.clone();
    if let Some(byte) = bytes.get_mut(FLIPPED) {
        *byte ^= 1;
    }
    let connection = Connection::open(database)?;
    let changed = connection.execute(
        "UPDATE entry SET bytes = ?1 WHERE id = ?2",
        (bytes, entry.id.0),
    )?;
    match changed {
        1 => Ok(()),
        _ => Err(DemoError::Story("the entry to alter is not there")),
    }
}
