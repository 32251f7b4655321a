"""What people look at together and say to each other."""

from datetime import date, timedelta

from bench import Case, all_check_ins, check_in, daily, goal_and_measures
from waymark import (
    ActionStep,
    AgendaItem,
    Content,
    DeliveryState,
    GoalDraft,
    Message,
    Review,
    ReviewDecision,
    ReviewedGoal,
    Role,
    Session,
    StepStatus,
    WaymarkError,
)


class Together(Case):
    """What people look at together and say to each other."""

    async def sync(self, *devices):
        for device in devices:
            await device.sync_now()

    async def test_a_session_holds_what_both_brought_and_its_homework_and_review(self):
        phone, plan = self.begin()
        walk = phone.goals().create(plan, GoalDraft(statement="Walk", schedule=daily()))
        tablet = await self.link_therapist(phone, plan)
        session = tablet.items().add(plan, Content.A_SESSION(Session(minutes=50)))
        await self.sync(tablet, phone)
        brought = {
            device.items().add(
                plan, Content.AN_AGENDA_ITEM(AgendaItem(session=session, text=text))
            )
            for device, text in ((phone, "My sister"), (tablet, "The week"))
        }
        step = ActionStep(what="Call her", goal=walk, status=StepStatus.NOT_STARTED)
        reviews = tablet.reviews()
        homework = reviews.give_homework(plan, session, step)
        self.refused(
            WaymarkError.NotFound,
            "not_found",
            lambda: reviews.give_homework(plan, "A" * 22, step),
        )
        self.assertIsNone(reviews.due(plan).next_due)
        today = date.fromisoformat(phone.people().summaries()[0].today.date)
        review = Review(
            goals=[ReviewedGoal(goal=walk, rating=7, decision=ReviewDecision.KEEP)],
            next_due=str(today - timedelta(days=2)),
            session=session,
        )
        reviewed = tablet.items().add(plan, Content.A_REVIEW(review))
        await self.sync(tablet, phone, tablet)

        for device in (phone, tablet):
            (seen,) = device.reviews().sessions(plan)
            self.assertEqual((seen.id, seen.session.minutes), (session, 50))
            self.assertEqual({item.id for item in seen.agenda}, brought)
            self.assertEqual([(h.step_id, h.step.what) for h in seen.homework], [(homework, "Call her")])
            self.assertEqual(
                [(r.id, r.review) for r in device.reviews().list(plan)], [(reviewed, review)]
            )
        self.assertEqual(phone.reviews().due(plan).days_overdue, 2)

    async def test_a_message_is_queued_then_sent_then_read_and_silence_is_known(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        tablet = await self.link_therapist(phone, plan)
        today = all_check_ins(phone, plan)[0].date
        tomorrow = str(date.fromisoformat(today) + timedelta(days=1))

        def message(device, id):
            found = device.messages().between(plan, today, tomorrow)
            return next(message for message in found if message.id == id)

        say = lambda text: phone.items().add(plan, Content.A_MESSAGE(Message(text=text)))  # noqa: E731
        said = say("It was a hard week 🌧")
        self.assertEqual(message(phone, said).delivery.state, DeliveryState.QUEUED)
        await self.sync(phone, tablet)
        self.assertEqual(message(phone, said).delivery.state, DeliveryState.SENT)
        self.assertEqual(message(tablet, said).text, "It was a hard week 🌧")
        tablet.messages().mark_read(plan, [said])
        comment = tablet.messages().comment(plan, logged, "Well done", today)
        await self.sync(tablet, phone)
        self.assertEqual(message(phone, said).delivery.state, DeliveryState.READ)
        ada = next(m.person for m in phone.people().members(plan) if m.role == Role.THERAPIST)
        self.assertEqual(message(phone, said).read_by, [ada])
        comments = phone.messages().comments(plan, logged, today)
        self.assertEqual([(c.id, c.text) for c in comments], [(comment, "Well done")])

        tablet.messages().send_receipts(plan, False)
        self.assertFalse(tablet.messages().sends_receipts(plan))
        later = say("And now?")
        await self.sync(tablet, phone, tablet)
        tablet.messages().mark_read(plan, [later])
        await self.sync(tablet, phone)
        seen = message(phone, later)
        self.assertEqual((seen.delivery.silent, seen.read_by), ([ada], []))
