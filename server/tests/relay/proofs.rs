//! Who may read. To everybody else a space is not there.

use waymark_wire::codec::Bytes;
use waymark_wire::membership::Rights;
use waymark_wire::message::{
    PULL_PATH, PullRequest, PullSpace, RefusalCode, STATUS_PATH, StatusRequest,
};
use waymark_wire::proof::ReadProof;

use crate::client::{Answer, Client, TestRelay};
use crate::testing::{Space, start};

/// Whoever could tell these apart could find out which spaces there are and who is in them.
#[tokio::test]
async fn unknown_spaces_members_and_signatures_are_one_answer() {
    let (relay, _directory) = TestRelay::start().await;
    let (other_relay, _other_directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let mut space = Space::found(1);
    let mut elsewhere = Space::found(2);
    client.taken(&space.create()).await;
    client.taken(&elsewhere.create()).await;
    let (change, key) = space.add(0, 1, Rights::READ);
    let reader = {
        let number = space.accept(0, &change, key);
        // Never told to the relay: no member there.
        assert_eq!(number, 1);
        number
    };
    elsewhere.id = space.id;
    let unknown = Space::found(3);
    let nonce = client.nonce().await;
    let mut altered = space.proof(0, &relay.key, &nonce);
    altered.signature.0[0] ^= 1;
    let mut borrowed = space.proof(0, &relay.key, &nonce);
    borrowed.space = Space::found(2).id;
    let mut later = space.proof(0, &relay.key, &nonce);
    later.nonce = fresher(&mut client, &nonce).await;
    let wrong = [
        unknown.proof(0, &relay.key, &nonce),
        space.proof(reader, &relay.key, &nonce),
        elsewhere.proof(0, &relay.key, &nonce),
        altered,
        borrowed,
        later,
        // What was shown to another relay is of no use here.
        space.proof(0, &other_relay.key, &nonce),
    ];
    let mut pulls = Vec::new();
    let mut statuses = Vec::new();
    for proof in wrong {
        pulls.push(pull(&mut client, proof.clone()).await);
        let status = client.post(STATUS_PATH, &StatusRequest { proof }).await;
        assert_eq!(status.refusal().code, RefusalCode::NotFound);
        statuses.push(status);
    }
    for answers in [pulls, statuses] {
        let shape = |answer: &Answer| (answer.status, answer.body.len());
        let first = shape(&answers[0]);
        assert!(answers.iter().all(|answer| shape(answer) == first));
    }
    // The right proof does read.
    let right = space.proof(0, &relay.key, &nonce);
    let answer = client
        .post(STATUS_PATH, &StatusRequest { proof: right })
        .await;
    assert_eq!(answer.status, 200);
}

/// Otherwise what was once recorded on the way would open a space for ever.
#[tokio::test]
async fn a_nonce_of_another_relay_or_an_altered_one_is_refused() {
    let (relay, _directory) = TestRelay::start().await;
    let (other_relay, _other_directory) = TestRelay::start().await;
    let mut client = relay.client().await;
    let space = Space::found(1);
    client.taken(&space.create()).await;
    let good = client.nonce().await;
    let mut older = good.clone();
    older.0[7] ^= 1;
    let nonces = [
        other_relay.client().await.nonce().await,
        older,
        Bytes(vec![0; 24]),
        Bytes(Vec::new()),
        Bytes(vec![0; 32]),
    ];
    for nonce in nonces {
        let proof = space.proof(0, &relay.key, &nonce);
        let answer = pull(&mut client, proof.clone()).await;
        assert_eq!(answer.refusal().code, RefusalCode::Nonce);
        let answer = client.post(STATUS_PATH, &StatusRequest { proof }).await;
        let refusal = answer.refusal();
        assert_eq!(refusal.code, RefusalCode::Nonce);
        // The one that it brings is good.
        let proof = space.proof(0, &relay.key, &refusal.nonce);
        assert_eq!(pull(&mut client, proof).await.status, 200);
    }
    // One that is longer than nonces are is none of this protocol.
    let proof = space.proof(0, &relay.key, &Bytes(vec![0; 33]));
    let answer = pull(&mut client, proof).await;
    assert_eq!(answer.refusal().code, RefusalCode::BadRequest);
}

async fn pull(client: &mut Client, proof: ReadProof) -> Answer {
    let after = start(&proof.space);
    let spaces = vec![PullSpace {
        proof,
        after,
        earlier: Vec::new(),
        whole: false,
        from_checkpoint: false,
        ids: Vec::new(),
    }];
    let request = PullRequest { spaces, live: None };
    client.post(PULL_PATH, &request).await
}

/// A nonce that is good and another than `nonce`: they change by the second.
async fn fresher(client: &mut Client, nonce: &Bytes) -> Bytes {
    loop {
        let next = client.nonce().await;
        if next != *nonce {
            return next;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
