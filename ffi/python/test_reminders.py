"""What rings, when, and what it gives away."""

from datetime import datetime, timedelta, timezone

from bench import STATEMENT, Case, goal_and_measures
from waymark import (
    Content,
    Kind,
    Language,
    LifecycleStatus,
    NewStatus,
    Observance,
    Reminder,
    ReminderText,
    WaymarkError,
    reminder_key,
    say,
)

NINE = 9 * 60


class Reminders(Case):
    """What rings, when, and what it gives away."""

    async def test_a_reminder_follows_the_clock_of_where_the_client_is_and_tells_nothing(self):
        phone, plan = self.begin()
        goal, _, _ = goal_and_measures(phone, plan)
        phone.goals().set_status(plan, NewStatus(goal=goal, to=LifecycleStatus.ACTIVE))
        reminder = Reminder(about=goal, minute=NINE, text=ReminderText.ARRANGED)
        self.assertTrue(reminder.is_on)
        id = phone.items().add(plan, Content.A_REMINDER(reminder))
        now = datetime.now(timezone.utc)

        def following(days):
            return phone.reminders().next(plan, now + timedelta(days=days))

        # Nine o'clock there, in UTC: in winter or summer.
        for zone, hours in (("Europe/Amsterdam", (7, 8)), ("Asia/Tokyo", (0,))):
            phone.set_time_zone(zone)
            told = following(3)
            self.assertTrue(2 <= len(told) <= 4, "where clocks change, one more or less")
            for one in told:
                self.assertEqual((one.reminder, one.about, one.minute), (id, goal, NINE))
                self.assertEqual(one.time_zone, zone)
                self.assertEqual((one.at.date().isoformat(), one.at.minute), (one.date, 0))
                self.assertIn(one.at.hour, hours)
                self.assertEqual(one.key, reminder_key(ReminderText.ARRANGED))
                said = say(Language.GERMAN, one.key, one.arguments)
                self.assertEqual(said, "Wie verabredet: 09:00")
                self.assertNotIn(STATEMENT[:8], said)

        last = told[-1].date
        observed = Content.AN_OBSERVANCE(Observance(name="Midsummer", dates=[last]))
        phone.items().add(plan, observed)
        self.assertNotIn(last, [one.date for one in following(3)])
        self.assertEqual(phone.items().list(plan, Kind.EXCUSE), [], "the day was long enough")

        tablet = await self.link_therapist(phone, plan)
        self.assertEqual(tablet.reminders().next(plan, now + timedelta(days=9)), [])

    def test_a_zone_or_a_number_that_cannot_be_is_refused(self):
        phone, plan = self.begin()
        wrong = WaymarkError.InvalidInput
        until = datetime.now(timezone.utc)
        too_many = self.refused(
            wrong, "invalid_input", lambda: phone.reminders().next(plan, until, 65)
        )
        self.assertIn("outside 1–64", too_many.reason)
        self.refused(wrong, "invalid_input", lambda: phone.set_time_zone("Europe/Atlantis"))
        late = Content.A_REMINDER(Reminder(minute=24 * 60, text=ReminderText.HELLO))
        self.refused(wrong, "invalid_input", lambda: phone.items().add(plan, late))
