"""What was reached is seen, looked forward to and celebrated as the client chose."""

from datetime import date, timedelta

from bench import Case, daily
from waymark import (
    Audience,
    Content,
    GoalDraft,
    Milestone,
    NewCheckIn,
    Outcome,
    Reward,
    RewardKind,
    RewardState,
    WaymarkError,
    Win,
    WinKind,
    audience_key,
    reward_key,
)


class Milestones(Case):
    """What was reached is seen, looked forward to and celebrated as the client chose."""

    def walks(self):
        phone, plan = self.begin()
        draft = GoalDraft(statement="Walk", schedule=daily())
        return phone, plan, phone.goals().create(plan, draft)

    def done(self, phone, plan, goal, on):
        phone.check_ins().log(plan, NewCheckIn(goal=goal, outcome=Outcome.DONE, date=str(on)))

    async def test_what_was_reached_unlocks_its_reward_and_is_celebrated_as_chosen(self):
        phone, plan, walk = self.walks()
        milestones, items = phone.milestones(), phone.items()
        first = items.add(
            plan, Content.A_MILESTONE(Milestone(goal=walk, text="The first walk 🌿", done_days=1))
        )
        reward = Reward(goal=walk, done_days=1, text="The lake", of=RewardKind.EXTRINSIC)
        lake = items.add(plan, Content.A_REWARD(reward))
        tablet = await self.link_therapist(phone, plan)
        self.assertEqual([(m.id, m.reached) for m in milestones.of(plan, walk)], [(first, False)])
        claim = lambda: milestones.claim(plan, lake)  # noqa: E731
        self.refused(WaymarkError.InvalidInput, "invalid_input", claim)

        self.done(phone, plan, walk, phone.people().summaries()[0].today.date)
        self.assertTrue(milestones.of(plan, walk)[0].reached)
        self.assertFalse(milestones.find(plan), "it was not found by itself")
        (unlocked,) = milestones.rewards(plan, walk)
        self.assertEqual(unlocked.state, RewardState.UNLOCKED)
        self.assertEqual(reward_key(unlocked.state), "reward.unlocked")
        claim()
        self.assertIsNotNone(milestones.rewards(plan, walk)[0].claimed_at)

        (celebration,) = milestones.celebrations(plan)
        self.assertEqual((celebration.of, celebration.audience), (first, Audience.PRIVATE))
        again = milestones.celebrate(plan, first, Audience.THERAPIST, "With cake")
        self.assertEqual(again, celebration.id)
        await phone.sync_now()
        await tablet.sync_now()
        (seen,) = tablet.milestones().celebrations(plan)
        self.assertEqual((seen.how, seen.audience), ("With cake", Audience.THERAPIST))
        self.assertEqual(audience_key(seen.audience), "audience.therapist")
        self.refused(
            WaymarkError.NotAllowed,
            "not_allowed",
            lambda: tablet.milestones().celebrate(plan, first, Audience.CIRCLE),
        )

    async def test_evidence_of_growth_shows_wins_and_days_of_its_time(self):
        phone, plan, walk = self.walks()
        win = Win(text="Said no", of=WinKind.BOUNDARY, goal=walk)
        win = phone.items().add(plan, Content.A_WIN(win))
        today = date.fromisoformat(phone.people().summaries()[0].today.date)
        self.done(phone, plan, walk, today)
        progress = phone.progress()

        def growth(first, last):
            days = [str(today + timedelta(days=away)) for away in (first, last)]
            return progress.growth(plan, *days)

        week = growth(-6, 0)
        self.assertEqual([item.id for item in week.wins], [win])
        self.assertEqual([(goal.goal, goal.done) for goal in week.goals], [(walk, 1)])
        self.assertEqual(progress.all(plan), [progress.of(plan, walk)])
        self.assertEqual(growth(-9, -7).wins, [])
        self.refused(WaymarkError.InvalidInput, "invalid_input", lambda: growth(0, -1))
