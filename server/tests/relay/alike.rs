//! What a stranger is told: the same of everything that is not there for him, and not sooner.

use std::time::{Duration, Instant};

use waymark_wire::entry::Kind;
use waymark_wire::ids::Height;
use waymark_wire::membership::Rights;
use waymark_wire::message::{
    APPEND_PATH, AppendRequest, PULL_PATH, PullRequest, RefusalAnswer, STATUS_PATH, StatusRequest,
};
use waymark_wire::proof::ReadProof;

use crate::client::{Answer, Client, TestRelay, frames};
use crate::testing::Space;

/// Every answer that says so comes after a multiple of this (docs/protocol.md, 6.1).
const STEP: Duration = Duration::from_millis(20);

/// The status and body of an answer, but for the nonce.
fn shape(answer: &Answer) -> (u16, RefusalAnswer) {
    let mut refusal = answer.refusal();
    refusal.nonce.0.fill(0);
    (answer.status, refusal)
}

/// Runs `ask`, which must not be answered before the first step is over.
async fn timed<T>(ask: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = ask.await;
    assert!(begun.elapsed() >= STEP, "{:?}", begun.elapsed());
    answer
}

/// A space of which the relay knows two members, the second of whom has gone, and one that it was
/// never told of.
async fn spaces(client: &mut Client) -> (Space, usize, Space) {
    let mut space = Space::found(1);
    client.taken(&space.create()).await;
    let (change, key) = space.add(0, 1, Rights::WRITE);
    client.change(&space, &change).await;
    let gone = space.accept(0, &change, key);
    let removal = space.remove(0, gone);
    client.change(&space, &removal).await;
    space.take(0, &removal);
    (space, gone, Space::found(2))
}

/// Whoever could tell these apart could find out which spaces there are and who is in them.
#[tokio::test]
async fn who_may_not_read_learns_nothing_from_what_is_said_or_when() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (space, gone, unknown) = spaces(&mut client).await;
    let nonce = client.nonce().await;
    let good = space.proof(0, &relay.key, &nonce);
    let mut no_member = good.clone();
    no_member.device.0 = 77;
    let mut unsigned = good.clone();
    unsigned.signature.0[0] ^= 1;
    let wrong: [ReadProof; 4] = [
        unknown.proof(0, &relay.key, &nonce),
        space.proof(gone, &relay.key, &nonce),
        no_member,
        unsigned,
    ];
    let mut told = Vec::new();
    for proof in wrong {
        let mut asked = client
            .ask(&space, 0, crate::testing::start(&proof.space))
            .await;
        let status = StatusRequest {
            proof: proof.clone(),
        };
        told.push(shape(&timed(client.post(STATUS_PATH, &status)).await));
        asked.proof = proof;
        let request = PullRequest {
            spaces: vec![asked],
            live: None,
        };
        let answer = timed(client.post(PULL_PATH, &request)).await;
        assert_eq!(frames(&answer).len(), 2, "a greeting and a refusal");
        assert_eq!(
            answer.body.split_at(answer.body.len() - 4).1,
            [0x83, 5, 0, 2]
        );
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

/// The same of who may not write.
#[tokio::test]
async fn who_may_not_write_learns_nothing_from_what_is_said_or_when() {
    let (relay, _directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let (mut space, gone, mut unknown) = spaces(&mut client).await;
    let good = space.batch(0);
    let mut no_member = good.clone();
    no_member[3] = 77;
    let mut unsigned = good.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    // A membership entry that the relay does not know.
    let height = Height(space.membership.height().0 + 1);
    let ahead = unknown.entry(0, Kind::Batch, 0, height, 256);
    let before = space.membership.height();
    let of_gone = space.entry(gone, Kind::Batch, 0, before, 256);
    let elsewhere = unknown.batch(0);
    let wrong: [(&Space, Vec<u8>); 6] = [
        (&unknown, elsewhere.clone()),
        (&space, elsewhere),
        (&space, of_gone),
        (&space, no_member),
        (&space, unsigned),
        (&space, ahead),
    ];
    let mut told = Vec::new();
    for (to, entry) in wrong {
        let request: AppendRequest = to.request(vec![entry], &[]);
        told.push(shape(&timed(client.post(APPEND_PATH, &request)).await));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    client.taken(&space.request(vec![good], &[])).await;
}
