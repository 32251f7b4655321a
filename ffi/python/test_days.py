"""What the client notes about days, practice with its timers, and a list of plans."""

import asyncio

from bench import Case, daily
from waymark import (
    Content,
    EmotionReading,
    GoalDraft,
    Kind,
    NewPractice,
    Reading,
    ReadingOf,
    Ruler,
    RulerReading,
    TimerStart,
    WaymarkError,
)


class Days(Case):
    """What the client notes about days, practice with its timers, and a list of plans."""

    def sits(self):
        phone, plan = self.begin()
        draft = GoalDraft(statement="Sit every day", schedule=daily())
        return phone, plan, phone.goals().create(plan, draft)

    async def test_what_a_timer_counted_joins_what_was_told(self):
        phone, plan, goal = self.sits()
        practice = phone.practice()
        practice.log(plan, NewPractice(goal=goal, minutes=4))
        timer = practice.start(plan, TimerStart(goal=goal, practice="Breathing"))
        (running,) = practice.running(plan)
        self.assertEqual((running.id, running.minutes), (timer, 0))
        practice.stop(plan, timer, minutes=6)
        self.assertEqual(practice.running(plan), [])
        (day,) = practice.days(plan, goal, running.date, running.date)
        self.assertEqual((day.minutes, day.entries), (10.0, 2))
        with self.assertRaises(WaymarkError.NotFound):
            practice.stop(plan, timer)

    async def test_a_reading_is_shown_with_what_follows_and_rulers_over_time(self):
        phone, plan, goal = self.sits()
        items = phone.items()
        feeling = EmotionReading(emotion="Fear 🌊", intensity=80, after=45)
        items.add(plan, Content.A_READING(Reading(of=ReadingOf.AN_EMOTION(feeling))))
        for value in (4, 7):
            sure = ReadingOf.A_RULER(RulerReading(ruler=Ruler.CONFIDENCE, value=value))
            items.add(plan, Content.A_READING(Reading(of=sure, goal=goal)))
            # What is said in one millisecond has no order.
            await asyncio.sleep(0.005)
        today = items.list(plan, Kind.READING)[0].date
        first = phone.readings().between(plan, today, today)[0]
        self.assertEqual(first.change, -35)
        confidence = phone.readings().rulers(plan, goal, today, today).confidence
        self.assertEqual((confidence.newest, confidence.trend), (7, 3))
        self.assertEqual(phone.readings().coping(plan, today, today), [])
        self.assertEqual(phone.progress().values(plan, today, today).shares, [])

    async def test_a_list_of_plans_shows_today(self):
        phone, plan, _ = self.sits()
        (listed,) = phone.people().summaries()
        self.assertEqual((listed.plan, listed.client), (plan, "Kim"))
        self.assertEqual((listed.today.goals, listed.today.expected, listed.today.done), (1, 1, 0))
