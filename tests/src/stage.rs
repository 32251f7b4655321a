//! A client and a therapist behind a relay that lies.

use crate::story::{assert_same, assert_settled, goal, log, meet, notes, status, sync};
use crate::{Device, Liar, TestRelay, begin_at, link_therapist};
use waymark_core::client::PlanId;
use waymark_core::model::GoalId;
use waymark_wire::ids::SpaceId;

/// A client and a therapist behind a relay that lies, with one check-in that both know and three
/// (in three batches) that only the relay and the phone know.
#[derive(Debug)]
pub struct Stage {
    /// The client's.
    pub phone: Device,
    /// The therapist's.
    pub tablet: Device,
    /// What they share.
    pub plan: PlanId,
    /// What the check-ins are about.
    pub goal: GoalId,
    /// What both believe to be the relay.
    pub liar: Liar,
    /// The relay.
    pub relay: TestRelay,
}

impl Stage {
    /// Sets it.
    pub async fn set() -> Self {
        let relay = TestRelay::start().await;
        let liar = Liar::before(&relay).await;
        let (phone, plan) = begin_at(&liar.url());
        let goal = goal(&phone, plan, "walk");
        log(&phone, plan, goal, "0");
        let tablet = link_therapist(&phone, plan).await;
        for note in ["1", "2", "3"] {
            phone.clock().advance(60_000);
            log(&phone, plan, goal, note);
            phone.client().sync().now().await.expect("it works");
        }
        Self {
            phone,
            tablet,
            plan,
            goal,
            liar,
            relay,
        }
    }

    /// The space of the plan.
    #[must_use]
    pub const fn space(&self) -> SpaceId {
        SpaceId(self.plan.0)
    }

    /// The tablet syncs with the lie: it is refused with these words, and nothing of it is applied.
    ///
    /// # Panics
    /// Where it is not.
    pub async fn refuses(&self, words: &str) {
        let error = sync(&self.tablet).await.expect_err("the lie is believed");
        assert_eq!(error.code(), "relay_untrusted", "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(notes(&self.tablet, self.plan), ["0"]);
        let status = status(&self.tablet, self.plan);
        assert_eq!(status.problem.as_deref(), Some("relay_untrusted"));
        assert!(status.problem_detail.expect("it works").contains(words));
    }

    /// Local calls work, and with an honest relay everybody has everything.
    ///
    /// # Panics
    /// Where they do not.
    pub async fn recovers(&self) {
        let texts = self.tablet.client().texts();
        let note = texts
            .create(self.plan, None, Some("offline"))
            .expect("it works");
        texts
            .splice(self.plan, note.text, 0, 0, "kept")
            .expect("it works");
        log(&self.phone, self.plan, self.goal, "4");
        self.liar.be_honest();
        meet(&[&self.tablet, &self.phone]).await;
        assert_eq!(notes(&self.tablet, self.plan), ["0", "1", "2", "3", "4"]);
        let read = self.phone.client().texts().read(self.plan, note.text);
        assert_eq!(read.expect("it works"), "kept");
        assert_same(self.plan, &[&self.phone, &self.tablet]);
        assert_settled(&self.phone);
        assert_settled(&self.tablet);
        assert_eq!(status(&self.tablet, self.plan).held, 0);
    }
}
