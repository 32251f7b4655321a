"""What a platform that suspends and wakes an app asks of it, and what a cancelled task leaves."""

import asyncio
import os
import socket
import threading
from datetime import datetime, timedelta, timezone

from bench import NOTE, STATEMENT, Case, Heard, Key, all_check_ins, check_in, daily, goal_and_measures
from waymark import (
    Change,
    GoalDraft,
    LogLevel,
    LogSink,
    ManualClock,
    NewCheckIn,
    Outcome,
    Role,
    SyncEnd,
    Waymark,
    WaymarkError,
    put_aside,
    set_log_sink,
)


class Silent:
    """A port that takes connections and never answers."""

    def __init__(self):
        self.port = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.port.getsockname()[1]}"
        self.taken = []
        self.asked = threading.Event()
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                self.taken.append(self.port.accept()[0])
            except OSError:
                return
            self.asked.set()

    async def is_asked(self):
        if not await asyncio.to_thread(self.asked.wait, 30):
            raise AssertionError("nobody asked")

    def close(self):
        # Closing alone leaves the thread that waits in it.
        self.port.shutdown(socket.SHUT_RDWR)
        self.port.close()
        for connection in self.taken:
            connection.close()


class Log(LogSink):
    """A log that throws at every event it keeps."""

    def __init__(self):
        self.events = []

    def log(self, event):
        self.events.append(event)
        raise RuntimeError("a log that throws")


class Background(Case):
    """What a platform that suspends and wakes an app asks of it."""

    def open_files(self, name):
        own = os.path.realpath(self.root / name)
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return [file for file in map(os.path.realpath, links) if file.startswith(own)]

    async def test_a_suspended_client_has_no_file_open_and_goes_on_with_everything(self):
        key = Key()
        phone, plan = self.begin(key=key)
        goal, _, mood = goal_and_measures(phone, plan)
        heard = Heard()
        phone.listen(heard)
        before = phone.projection_hash(plan)
        self.assertNotEqual(self.open_files("phone"), [])
        for _ in range(3):
            phone.suspend()
            self.assertEqual(self.open_files("phone"), [])
            self.assertTrue(phone.is_suspended())
            self.refused(WaymarkError.Locked, "locked", lambda: phone.goals().list(plan))
            with self.assertRaises(WaymarkError.Locked):
                await phone.sync_now()
            phone.suspend()
            phone.resume()
            phone.resume()
        self.assertEqual(key.asked, 4)
        self.assertEqual(phone.projection_hash(plan), before)
        phone.check_ins().log(plan, check_in(goal, mood))
        tablet = await self.link_therapist(phone, plan)
        made = tablet.goals().create(plan, GoalDraft(statement="from the tablet"))
        await tablet.sync_now()
        await phone.sync_now()
        self.assertTrue(heard.wait(lambda c: isinstance(c, Change.RECORDS) and made in c.records))

    async def test_a_wake_syncs_within_its_budget_and_leaves_the_client_as_it_was(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        goal = phone.goals().create(plan, GoalDraft(statement="Walk"))
        await phone.sync_now()
        tablet.suspend()
        self.assertEqual(await tablet.on_wake(timedelta(seconds=30)), SyncEnd.DONE)
        self.assertTrue(tablet.is_suspended())
        tablet.resume()
        self.assertEqual(tablet.goals().get(plan, goal).statement, "Walk")

    async def test_a_sync_is_cut_by_its_budget_a_suspension_or_a_cancelled_task(self):
        silent = Silent()
        self.addCleanup(silent.close)
        phone, plan = self.begin(relay=silent.url)
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        short = timedelta(milliseconds=200)
        self.assertEqual(await phone.sync_within(short), SyncEnd.CUT_OFF)
        sync = asyncio.create_task(phone.sync_within(timedelta(seconds=300)))
        await silent.is_asked()
        phone.suspend()
        self.assertEqual(await sync, SyncEnd.CUT_OFF)
        phone.resume()
        cancelled = asyncio.create_task(phone.sync_now())
        await asyncio.sleep(0.1)
        cancelled.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await cancelled
        self.assertEqual(len(all_check_ins(phone, plan)), 1)

    async def test_syncs_that_are_cancelled_lose_nothing(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        for number in range(12):
            phone.goals().create(plan, GoalDraft(statement=f"goal {number}"))
            sync = asyncio.create_task(phone.sync_now())
            await asyncio.sleep(number / 1_000)
            sync.cancel()
        await phone.sync_now()
        await tablet.sync_now()
        self.assertEqual(len(tablet.goals().list(plan)), 12)
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))

    def test_a_clock_that_a_test_turns_makes_weeks_pass(self):
        clock = ManualClock(datetime(2026, 5, 1, 10, tzinfo=timezone.utc))
        phone = Waymark.open_with_clock(self.config("phone"), Key(), clock)
        self.addCleanup(phone.lock)
        phone.people().begin("Kim", "phone")
        plan = phone.people().create_plan()
        goal = phone.goals().create(plan, GoalDraft(statement="Walk", schedule=daily()))
        for _ in range(14):
            phone.check_ins().log(plan, NewCheckIn(goal=goal, outcome=Outcome.DONE))
            clock.advance(timedelta(days=1))
        self.assertEqual(clock.now().date().isoformat(), "2026-05-15")
        self.assertEqual(phone.progress().of(plan, goal).streak, 14)

    async def test_the_log_tells_what_happens_and_nothing_that_people_wrote(self):
        log = Log()
        set_log_sink(log, LogLevel.DEBUG)
        self.addCleanup(set_log_sink, None, LogLevel.WARNING)
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        tablet = await self.link_therapist(phone, plan)
        person = next(m.person for m in phone.people().members(plan) if m.role == Role.THERAPIST)
        phone.people().revoke(plan, person)
        await phone.sync_now()
        with self.assertRaises(WaymarkError.Offline):
            await tablet.sync_now()
        set_log_sink(None, LogLevel.WARNING)
        events = list(log.events)
        self.assertTrue(any("not in sync" in event.text for event in events), events)
        for event in events:
            self.assertTrue(event.part.startswith("waymark_"), event)
            for secret in ("Dr. Ada", STATEMENT[:8], NOTE[:9], plan):
                self.assertNotIn(secret, event.text)

    async def test_a_phone_that_came_back_without_its_key_begins_anew_from_its_words(self):
        key, fresh = Key(), Key()
        phone, plan = self.begin(key=key)
        words = phone.people().make_phrase()
        phone.people().confirm_phrase()
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        for _ in range(4):
            await phone.sync_now()
        phone.lock()
        config = self.config("phone")
        self.refused(WaymarkError.NotAllowed, "not_allowed", lambda: put_aside(config, key))
        self.refused(WaymarkError.KeyLost, "key_lost", lambda: self.open("phone", fresh))
        put_aside(config, fresh)
        restored = self.open("phone", fresh)
        restored.people().restore(words, "Kim", "phone again")
        for _ in range(4):
            await restored.sync_now()
        self.assertEqual([c.id for c in all_check_ins(restored, plan)], [logged])
