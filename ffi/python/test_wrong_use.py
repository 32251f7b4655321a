"""Wrong use gives a clear error and loses nothing."""

import socket
from datetime import date, datetime, timedelta, timezone

from bench import Case, all_check_ins, check_in, goal_and_measures
from waymark import ErrorClass, GoalDraft, NewCheckIn, Outcome, Rating, TimedCheckIn, WaymarkError


class WrongUse(Case):
    """Wrong use gives a clear error and loses nothing."""

    def test_what_cannot_be_right_is_refused_with_its_code_and_nothing_is_logged(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        unknown = "A" * 22
        log, goals = phone.check_ins().log, phone.goals()
        missing, wrong = WaymarkError.NotFound, WaymarkError.InvalidInput
        self.refused(missing, "not_found", lambda: goals.get(plan, unknown))
        self.refused(missing, "not_found", lambda: log(plan, check_in(unknown, mood)))
        self.refused(missing, "not_found", lambda: goals.list("A" * 43))
        rating = NewCheckIn(
            goal=goal, outcome=Outcome.DONE, ratings=[Rating(measure=mood, value=11)]
        )
        error = self.refused(wrong, "invalid_input", lambda: log(plan, rating))
        self.assertIn("outside 0–10", error.reason)
        self.assertIn("outside 0–10", str(error))
        self.assertEqual(error.error_class(), ErrorClass.FIX_INPUT)
        goals.create(plan, GoalDraft(statement="🌿" * 500))
        before = phone.projection_hash(plan)
        for statement in ["x" * 501, "🌿" * 501, ""]:
            draft = GoalDraft(statement=statement)
            error = self.refused(wrong, "invalid_input", lambda: goals.create(plan, draft))
            self.assertNotIn("x" * 9, error.reason, "errors hold nothing that people wrote")
        # What does not convert at the edge is the same kind of error, no fault of the library.
        self.refused(wrong, "invalid_input", lambda: goals.get(plan, "no id"))
        self.refused(wrong, "invalid_input", lambda: goals.get("no id", goal))
        self.refused(wrong, "invalid_input", lambda: phone.check_ins().on(plan, "2026-02-30"))
        self.refused(wrong, "invalid_input", lambda: phone.check_ins().in_month(plan, 2026, 13))
        other_day = check_in(goal, mood, date="31 May")
        self.refused(wrong, "invalid_input", lambda: log(plan, other_day))
        self.refused(
            WaymarkError.BadCard, "bad_card", lambda: phone.people().add_therapist(plan, b"\0\1")
        )
        self.assertEqual(phone.projection_hash(plan), before)

    def test_many_check_ins_are_logged_all_or_none(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        noon = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
        diary = [
            TimedCheckIn(check_in=check_in(goal, mood), at=noon + timedelta(days=n))
            for n in range(40)
        ]
        bad = TimedCheckIn(check_in=check_in("A" * 22, mood), at=noon)
        with self.assertRaises(WaymarkError.NotFound):
            phone.check_ins().log_many(plan, diary + [bad])
        self.assertEqual(all_check_ins(phone, plan), [])
        phone.check_ins().log_many(plan, diary)
        entries = all_check_ins(phone, plan)
        self.assertEqual([entry.at for entry in entries], [timed.at for timed in diary])
        self.assertEqual(phone.check_ins().months(plan), ["2026-05-01", "2026-06-01"])

    def test_half_a_character_is_refused_by_python_and_nothing_is_lost(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        before = phone.projection_hash(plan)
        for text in ["\ud800", "a note that ends in \udc00"]:
            with self.assertRaises(UnicodeEncodeError):
                phone.check_ins().log(plan, NewCheckIn(outcome=Outcome.NOTE_ONLY, note=text))
            with self.assertRaises(UnicodeEncodeError):
                phone.people().card(text, "phone")
        self.assertEqual(phone.projection_hash(plan), before)
        phone.check_ins().log(plan, NewCheckIn(outcome=Outcome.NOTE_ONLY, note="\U00010000"))
        self.assertEqual(len(all_check_ins(phone, plan)), 2)

    async def test_without_a_relay_local_calls_succeed_and_the_status_says_so(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        phone, plan = self.begin(relay=nowhere)
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        with self.assertRaises(WaymarkError.Offline) as caught:
            await phone.sync_now()
        self.assertEqual(caught.exception.code(), "offline")
        self.assertEqual(caught.exception.error_class(), ErrorClass.WAIT)
        phone.check_ins().log(plan, check_in(goal, mood))
        self.assertEqual(len(all_check_ins(phone, plan)), 2)
        status = phone.status()[1]
        self.assertEqual((status.plan, status.problem), (plan, "offline"))
        self.assertGreater(status.unsent + status.on_the_way, 0)
