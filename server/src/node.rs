//! What every request works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Semaphore, watch};
use tokio::time::{Duration, Instant, sleep_until};
use waymark_wire::chain::Position;
use waymark_wire::codec::Bytes;
use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::{Member, Rights};
use waymark_wire::message::RefusalCode;
use waymark_wire::proof::ReadProof;
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use crate::admission::{Admission, Tokens};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Limits;
use crate::log::{Append, AppendOutcome, Day, Log, LogError, Terms};
use crate::mailbox::Mailboxes;
use crate::metrics::{Hint, Metrics};
use crate::nonce::Nonces;
use crate::rates::Rates;
use crate::uses::Uses;
#[cfg(feature = "wake")]
use crate::wake::Wakes;

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
    /// Who may create a space or a mailbox.
    pub(crate) admission: Arc<Admission>,
    /// How often whom was asked for something.
    pub(crate) rates: Arc<Rates>,
    key: SigningKey,
    public: VerifyingKey,
    nonces: Nonces,
    /// How many live answers there were.
    turns: AtomicU32,
    /// The time.
    pub(crate) clock: Clock,
    /// What it counts of itself.
    pub(crate) metrics: Metrics,
    /// Which spaces were read lately, where that is noted.
    pub(crate) uses: Uses,
    /// Where wakes are left, where members may be woken.
    #[cfg(feature = "wake")]
    pub(crate) wakes: Option<Wakes>,
}

impl<L: Log, B: Bus> Node<L, B> {
    /// When a live answer looks by itself for the first time, where it is to look `every` so often: after
    /// half of that or more. Devices come back all at once after a node was away; they would keep looking all
    /// at once, and hold up what others write meanwhile.
    pub(crate) fn first_look(&self, every: Duration) -> Duration {
        first_look(self.turns.fetch_add(1, Ordering::Relaxed), every)
    }

    /// A node that signs with `key` and gives nonces under `secret`.
    pub(crate) fn new(
        (log, bus): (L, B),
        (limits, admission): (Limits, Option<Tokens>),
        key: SigningKey,
        secret: &[u8; 32],
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let room = usize::try_from(limits.bodies).unwrap_or(usize::MAX);
        Self {
            log,
            bus,
            limits,
            admission: Arc::new(Admission::new(admission)),
            rates: Arc::new(Rates::new(limits.rates)),
            turns: AtomicU32::new(0),
            bodies: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            stopping,
            public: key.verifying_key(),
            key,
            nonces: Nonces::new(secret),
            clock: Clock::system(),
            metrics: Metrics::default(),
            uses: Uses::new(),
            #[cfg(feature = "wake")]
            wakes: None,
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

    /// Whether a nonce is good that came with something else than a proof.
    #[cfg(feature = "wake")]
    pub(crate) fn is_nonce(&self, nonce: &Bytes) -> bool {
        self.nonces.is_good(nonce, self.clock.now())
    }

    /// Has the members of a space woken that asked for it, but for whom all that came is from.
    #[cfg(feature = "wake")]
    async fn wake(&self, space: SpaceId, from: &[DeviceNumber]) {
        let Some(wakes) = &self.wakes else {
            return;
        };
        match self.log.wakes(space).await {
            Ok(tokens) => {
                let is_others = |device| from.iter().any(|signer| *signer != device);
                for (device, token) in tokens {
                    if is_others(device) {
                        wakes.wake(((space, device), token));
                    }
                }
            }
            // They look when they are opened.
            Err(error) => tracing::warn!(%error, "nobody was woken"),
        }
    }

    /// The relay's word that `space`'s log stands so at `position`.
    pub(crate) fn receipt(&self, space: &SpaceId, position: Position) -> Receipt {
        let generation = self.log.generation(space);
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
            #[cfg(feature = "wake")]
            let from = who_is_heard(&append.entries);
            let begun = Instant::now();
            let outcome = node.log.append(append).await;
            node.metrics.count_append(&outcome, begun.elapsed());
            let outcome = outcome?;
            if let Some(head) = outcome.head.filter(|_| outcome.is_new) {
                node.bus.publish(&space, head.seq);
                node.metrics.count_hint(Hint::Sent);
            }
            #[cfg(feature = "wake")]
            if outcome.is_new && !from.is_empty() && node.wakes.is_some() {
                let node = node.clone();
                tokio::spawn(async move { node.wake(space, &from).await });
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

    /// Whether a request with this token may create a space or a mailbox.
    pub(crate) fn admits(&self, given: Option<&Bytes>) -> bool {
        self.admission.admits(given.map(|token| &token.0[..]))
    }

    /// How much is taken of anybody.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            quota: self.limits.quota,
            day: self.limits.retention.map(|_| self.today()),
            rates: Some(self.rates.clone()),
        }
    }

    /// The day by the relay's clock.
    pub(crate) fn today(&self) -> Day {
        Day::of(self.clock.now())
    }

    /// A member reads a space: that is to be noted, where uses are.
    pub(crate) fn is_read(&self, space: &SpaceId) {
        if self.limits.retention.is_some() {
            self.uses.note(*space, self.today());
        }
    }

    /// Writes down which spaces were read since the last time.
    pub(crate) async fn note_uses(&self) {
        for (space, day) in self.uses.take() {
            if let Err(error) = self.log.touch(space, day).await {
                tracing::warn!(%error, "it was not noted that a space was read");
                // It is tried again with the next.
                self.uses.put_back(space, day);
            }
        }
    }

    /// Lets go of spaces that nobody has used for as long as the operator keeps them.
    pub(crate) async fn retire(&self) {
        let Some(days) = self.limits.retention else {
            return;
        };
        let today = self.today();
        if let Err(error) = self.log.runs(today).await {
            return tracing::warn!(%error, "unused spaces were not let go");
        }
        loop {
            match self.log.retire(today, today.before(days)).await {
                Ok(true) => {}
                Ok(false) => return,
                // They stay longer.
                Err(error) => return tracing::warn!(%error, "unused spaces were not let go"),
            }
        }
    }

    /// Waits, where somebody is to be told what was found out since `begun`, and it is that there is no
    /// such space or member.
    pub(crate) async fn even_out(&self, code: RefusalCode, begun: Instant) {
        let step = self.limits.step;
        if code == RefusalCode::NotFound && !step.is_zero() {
            let steps = begun.elapsed().as_micros() / step.as_micros() + 1;
            let steps = u32::try_from(steps).unwrap_or(u32::MAX);
            sleep_until(begun + step.saturating_mul(steps)).await;
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
            Some(()) => {
                self.is_read(&space);
                Ok(())
            }
            None => Err(RefusalCode::NotFound),
        }
    }

    /// Who made a proof. Unknown space, unknown member and bad signature cost and say the same.
    ///
    /// # Errors
    /// [`RefusalCode::NotFound`], or [`RefusalCode::Unavailable`] where the log does not answer.
    pub(crate) async fn reader(&self, proof: &ReadProof) -> Result<Member, RefusalCode> {
        let is_signed_by = |key: &VerifyingKey| proof.is_signed_by(key, &self.public);
        let member = self
            .who_may_read(proof.space, proof.device, is_signed_by)
            .await?;
        self.is_read(&proof.space);
        Ok(member)
    }

    /// The member with the right to read who signed something. Unknown space, unknown member and bad
    /// signature cost and say the same.
    ///
    /// # Errors
    /// As [`Node::reader`].
    pub(crate) async fn who_may_read(
        &self,
        space: SpaceId,
        device: DeviceNumber,
        is_signed_by: impl Fn(&VerifyingKey) -> bool,
    ) -> Result<Member, RefusalCode> {
        let membership = self.log.membership(space).await.map_err(unavailable)?;
        let member = membership.as_ref().and_then(|m| m.member(device));
        let key = member.map_or(VerifyingKey::NOBODY, |member| member.signing_key);
        let is_signed = is_signed_by(&key);
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

/// Who signed those of these entries that others are woken for: what somebody did, and not what devices
/// say of the log.
#[cfg(feature = "wake")]
fn who_is_heard(entries: &[Vec<u8>]) -> Vec<DeviceNumber> {
    let heard = entries.iter().filter_map(|entry| {
        let kind = Kind::from_number(*entry.get(1)?);
        let is_heard = matches!(kind, Kind::Batch | Kind::Carry | Kind::Membership);
        let device = entry.get(2..4)?.try_into().ok()?;
        is_heard.then(|| DeviceNumber(u16::from_be_bytes(device)))
    });
    heard.collect()
}

/// Notes why the log failed; what whoever asked is told.
pub(crate) fn unavailable(error: LogError) -> RefusalCode {
    if error != LogError::Busy {
        tracing::error!(%error, "the log failed");
    }
    RefusalCode::Unavailable
}

/// Of the answer with this turn: turns of the golden ratio fall evenly, however many there are (Knuth,
/// TAOCP 3, §6.4).
fn first_look(turn: u32, every: Duration) -> Duration {
    let part = f64::from(turn.wrapping_mul(0x9E37_79B9)) / f64::from(u32::MAX);
    every.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of devices that came back at once would look at once, again and again.
    #[test]
    fn those_who_come_at_once_look_one_after_another() {
        let every = Duration::from_secs(16);
        let mut looks: Vec<_> = (0..800).map(|turn| first_look(turn, every)).collect();
        looks.sort_unstable();
        assert!(looks[0] >= every / 2 && looks[799] <= every);
        let apart = looks.windows(2).map(|pair| pair[1] - pair[0]);
        // 10 ms each, were they wholly even.
        assert!(apart.max().unwrap() < Duration::from_millis(30));
    }
}
