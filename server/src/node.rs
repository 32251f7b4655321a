//! What every request works with.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use tokio::sync::{Semaphore, watch};
use waymark_wire::chain::Position;
use waymark_wire::codec::Bytes;
use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::{Member, Rights};
use waymark_wire::message::RefusalCode;
use waymark_wire::proof::ReadProof;
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Limits;
use crate::log::{Append, AppendOutcome, Log, LogError, NOBODY};
use crate::mailbox::Mailboxes;
use crate::nonce::Nonces;

/// One process of a relay, over whatever keeps its logs and carries its hints.
#[derive(Debug)]
pub(crate) struct Node<L, B> {
    /// The logs.
    pub(crate) log: L,
    /// The hints.
    pub(crate) bus: B,
    /// What it takes on.
    pub(crate) limits: Limits,
    /// Room for request bodies, in bytes.
    pub(crate) bodies: Arc<Semaphore>,
    /// Turns true when the relay stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// The token that creating a space or a mailbox needs.
    admission: Option<Vec<u8>>,
    key: SigningKey,
    public: VerifyingKey,
    nonces: Nonces,
    /// The time.
    pub(crate) clock: Clock,
}

impl<L: Log, B: Bus> Node<L, B> {
    /// A node that signs with `key` and gives nonces under `secret`.
    pub(crate) fn new(
        (log, bus): (L, B),
        (limits, admission): (Limits, Option<Vec<u8>>),
        key: SigningKey,
        secret: &[u8; 32],
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let room = usize::try_from(limits.bodies).unwrap_or(usize::MAX);
        Self {
            log,
            bus,
            limits,
            admission,
            bodies: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            stopping,
            public: key.verifying_key(),
            key,
            nonces: Nonces::new(secret),
            clock: Clock::system(),
        }
    }

    /// The relay's key.
    pub(crate) const fn key(&self) -> VerifyingKey {
        self.public
    }

    /// A nonce for the next read proof.
    pub(crate) fn nonce(&self) -> Bytes {
        self.nonces.give(self.clock.now())
    }

    /// Whether a proof's nonce is good. Comes before every look-up.
    pub(crate) fn is_fresh(&self, proof: &ReadProof) -> bool {
        self.nonces.is_good(&proof.nonce, self.clock.now())
    }

    /// The relay's word that `space`'s log stands so at `position`.
    pub(crate) fn receipt(&self, space: &SpaceId, position: Position) -> Receipt {
        let generation = self.log.generation();
        Receipt::new(space, generation, position, |text| self.key.sign(text))
    }

    /// Appends, and tells those who follow the space. Runs to its end even where nobody waits for
    /// it any more, so that what was written is also told.
    pub(crate) async fn append(
        self: &Arc<Self>,
        append: Append,
    ) -> Result<AppendOutcome, LogError> {
        let node = self.clone();
        let task = tokio::spawn(async move {
            let space = append.space;
            let lets_go = append.entries.iter().any(|entry| may_let_go(entry));
            let outcome = node.log.append(append).await?;
            if let Some(head) = outcome.head.filter(|_| outcome.is_new) {
                node.bus.publish(&space, head.seq);
            }
            if lets_go && outcome.is_new {
                let node = node.clone();
                tokio::spawn(async move { node.drop_due().await });
            }
            Ok(outcome)
        });
        task.await
            .map_err(|error| LogError::Engine(error.to_string()))?
    }

    /// Whether a request with this token may create a space or a mailbox. Compares digests, whose
    /// equal beginnings tell nothing.
    pub(crate) fn admits(&self, given: Option<&Bytes>) -> bool {
        let hash = |bytes: &[u8]| digest(&SHA256, bytes);
        match (&self.admission, given) {
            (None, _) => true,
            (Some(needed), Some(given)) => hash(needed).as_ref() == hash(&given.0).as_ref(),
            (Some(_), None) => false,
        }
    }

    /// Drops what checkpoints let go by now.
    pub(crate) async fn drop_due(&self) {
        loop {
            match self.log.drop_due(self.clock.now_ms()).await {
                Ok(true) => {}
                Ok(false) => return,
                // It stays longer.
                Err(error) => return tracing::warn!(%error, "old entries were not dropped"),
            }
        }
    }

    /// Whether a membership that read before reads on: asked after a page was read, the answer holds
    /// for every entry in it.
    ///
    /// # Errors
    /// [`RefusalCode::NotFound`] where it is over, or [`RefusalCode::Unavailable`] where the log does
    /// not answer.
    pub(crate) async fn reads_on(
        &self,
        space: SpaceId,
        device: DeviceNumber,
    ) -> Result<(), RefusalCode> {
        let membership = self.log.membership(space).await.map_err(unavailable)?;
        match membership.and_then(|m| m.member(device).map(drop)) {
            Some(()) => Ok(()),
            None => Err(RefusalCode::NotFound),
        }
    }

    /// Who made a proof. Unknown space, unknown member and bad signature cost and say the same.
    ///
    /// # Errors
    /// [`RefusalCode::NotFound`], or [`RefusalCode::Unavailable`] where the log does not answer.
    pub(crate) async fn reader(&self, proof: &ReadProof) -> Result<Member, RefusalCode> {
        let membership = self
            .log
            .membership(proof.space)
            .await
            .map_err(unavailable)?;
        let member = membership.as_ref().and_then(|m| m.member(proof.device));
        let key = member.map_or(NOBODY, |member| member.signing_key);
        let is_signed = proof.is_signed_by(&key, &self.public);
        match member {
            Some(member) if is_signed && member.rights.include(Rights::READ) => Ok(member.clone()),
            _ => Err(RefusalCode::NotFound),
        }
    }
}

impl<L: Log + Mailboxes, B> Node<L, B> {
    /// Removes the mailboxes that have ended.
    pub(crate) async fn sweep(&self) {
        loop {
            match self.log.sweep(self.clock.now_ms()).await {
                Ok(true) => {}
                Ok(false) => return,
                // They stay longer; nobody can open them.
                Err(error) => return tracing::warn!(%error, "old mailboxes were not removed"),
            }
        }
    }
}

/// Whether an entry may be what something waits for that is to be dropped without rest.
fn may_let_go(entry: &[u8]) -> bool {
    let kind = entry.get(1).copied().map(Kind::from_number);
    matches!(kind, Some(Kind::Ack | Kind::Checkpoint))
}

/// Notes why the log failed; what whoever asked is told.
pub(crate) fn unavailable(error: LogError) -> RefusalCode {
    if error != LogError::Busy {
        tracing::error!(%error, "the log failed");
    }
    RefusalCode::Unavailable
}
