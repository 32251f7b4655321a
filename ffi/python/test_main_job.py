"""What the client logs offline reaches the therapist."""

from datetime import datetime, timedelta, timezone

from bench import (
    NOTE,
    STATEMENT,
    Case,
    Heard,
    all_check_ins,
    check_in,
    daily,
    goal_and_measures,
    target,
)
from waymark import Change, GoalDraft, KeyHolder, NewRevision, Rating, Role, Verdict


class MainJob(Case):
    """What the client logs offline reaches the therapist."""

    async def test_an_offline_check_in_reaches_the_therapist_and_an_agreed_proposal_holds(self):
        phone, plan = self.begin()
        goal, minutes, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        self.assertGreater(phone.status()[1].unsent, 0, "nobody was asked for a network yet")

        tablet = self.open("tablet")
        card = tablet.people().card("Dr. Ada", "tablet")
        phone.people().add_therapist(plan, card)
        self.assertIsNone(phone.people().welcome(card), "it is not in the log yet")
        await phone.sync_now()
        tablet.people().accept(phone.people().welcome(card))
        heard = Heard()
        tablet.listen(heard)
        await tablet.sync_now()

        (entry,) = all_check_ins(tablet, plan)
        self.assertEqual(entry.id, logged)
        self.assertEqual(entry.goal, goal)
        self.assertEqual(entry.note, NOTE)
        self.assertEqual(entry.quantity, 12.5)
        self.assertEqual(entry.ratings, [Rating(measure=mood, value=7)])
        self.assertEqual(entry.time_zone, "Europe/Amsterdam")
        self.assertLess(abs(datetime.now(timezone.utc) - entry.at), timedelta(minutes=10))
        (day,) = tablet.check_ins().days(plan, goal, entry.date, entry.date)
        self.assertEqual(day.entries, [logged])
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))
        told = heard.wait(lambda c: isinstance(c, Change.RECORDS) and logged in c.records)
        self.assertTrue(told, "the tablet's app was not told of the check-in")
        self.assertEqual(
            {(m.name, m.role, m.holder, m.this_device) for m in tablet.people().members(plan)},
            {
                ("Kim", Role.CLIENT, KeyHolder.DEVICE, False),
                ("Kim", Role.CLIENT, KeyHolder.RESERVE, False),
                ("Dr. Ada", Role.THERAPIST, KeyHolder.DEVICE, True),
                ("Dr. Ada", Role.THERAPIST, KeyHolder.RESERVE, False),
            },
        )

        old = tablet.goals().get(plan, goal).in_force
        self.assertEqual((old.statement, old.target.value), (STATEMENT, 10.0))
        proposed = tablet.goals().propose(
            plan,
            NewRevision(
                goal=goal,
                replaces=[old.id],
                statement="Fifteen minutes",
                target=target(minutes, 15.0),
                schedule=daily(),
            ),
        )
        await tablet.sync_now()
        await phone.sync_now()
        seen = phone.goals().get(plan, goal)
        self.assertEqual(seen.in_force.id, old.id, "nothing changes without the client")
        self.assertEqual([proposal.id for proposal in seen.proposals], [proposed])
        phone.goals().decide(plan, proposed, Verdict.AGREE)
        await phone.sync_now()
        await tablet.sync_now()
        for device in (phone, tablet):
            now = device.goals().get(plan, goal).in_force
            self.assertEqual((now.id, now.statement), (proposed, "Fifteen minutes"))
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))
        for status in phone.status() + tablet.status():
            self.assertEqual((status.unsent, status.problem), (0, None))

    async def test_live_what_one_writes_is_shown_to_the_other_without_asking(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        heard = Heard()
        listening = tablet.listen(heard)
        connections = [phone.go_live(), tablet.go_live()]
        goal = phone.goals().create(plan, GoalDraft(statement=STATEMENT))
        told = heard.wait(
            lambda c: isinstance(c, Change.RECORDS) and c.plan == plan and goal in c.records
        )
        self.assertTrue(told)
        self.assertEqual(tablet.goals().get(plan, goal).statement, STATEMENT)
        listening.stop()
        for connection in connections:
            connection.stop()

    async def test_a_note_that_two_people_edit_holds_what_both_wrote(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        note = phone.texts().create(plan, title="for Thursday")
        phone.texts().splice(plan, note.text, 0, 0, "sleep 😴")
        await phone.sync_now()
        await tablet.sync_now()
        # Positions count characters, not bytes or UTF-16 units.
        tablet.texts().splice(plan, note.text, 7, 0, " · work")
        phone.texts().splice(plan, note.text, 0, 5, "Sleep")
        await tablet.sync_now()
        await phone.sync_now()
        await tablet.sync_now()
        for device in (phone, tablet):
            self.assertEqual(device.texts().read(plan, note.text), "Sleep 😴 · work")
        self.assertEqual([n.title for n in tablet.texts().list(plan)], ["for Thursday"])
