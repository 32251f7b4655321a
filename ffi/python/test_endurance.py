"""Many threads at once, many openings, and texts and dates at their ends."""

import asyncio
import gc
import os
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from bench import Case, Heard, Key, all_check_ins, daily
from waymark import (
    Change,
    ChangeListener,
    GoalDraft,
    NewCheckIn,
    Outcome,
    TimedCheckIn,
    Waymark,
    WaymarkError,
)


def kernel_says(name):
    """A line of what the kernel says of this process, in the unit that it says."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


class Throwing(ChangeListener):
    """A listener that throws at every call."""

    def changed(self, changes):
        raise RuntimeError("the screen is gone")


class Endurance(Case):
    """Many threads at once, many openings, and texts and dates at their ends."""

    async def test_sixteen_threads_for_ten_seconds_lose_nothing(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        goal = phone.goals().create(plan, GoalDraft(statement="Walk", schedule=daily()))
        written, thrown, end = [], [], time.monotonic() + 10

        async def sync():
            for device in (phone, tablet):
                await device.sync_now()

        def work(number):
            on = f"2026-{1 + number % 12:02}-01"
            check_in = NewCheckIn(goal=goal, outcome=Outcome.DONE, date=on)
            does = (
                lambda: written.append(phone.check_ins().log(plan, check_in)),
                lambda: (phone.goals().list(plan), phone.status()),
                lambda: phone.progress().of(plan, goal),
                lambda: asyncio.run(sync()),
            )[number % 4]
            try:
                while time.monotonic() < end:
                    does()
            except Exception as error:  # noqa: BLE001
                thrown.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        self.assertEqual(thrown, [])
        await sync()
        self.assertGreater(len(written), 0)
        self.assertEqual({c.id for c in all_check_ins(tablet, plan)}, set(written))
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))

    def test_a_thousand_openings_leave_nothing_behind(self):
        key = Key()
        phone, plan = self.begin(key=key)
        phone.goals().create(plan, GoalDraft(statement="Walk"))
        phone.lock()

        def turn(times):
            for _ in range(times):
                Waymark.open(self.config("phone"), key).lock()
            gc.collect()
            return len(os.listdir("/proc/self/fd")), kernel_says("Threads"), kernel_says("VmRSS")

        files, threads, memory = turn(200)
        after = turn(800)
        self.assertLessEqual(after[0], files + 8)
        self.assertLessEqual(after[1], threads + 4)
        # In KiB; a leak of one engine, some 200 KiB, would come to 160 MiB.
        self.assertLessEqual(after[2], memory + 16 * 1024)

    async def test_a_listener_that_throws_is_told_on_and_keeps_nobody_from_being_told(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        tablet.listen(Throwing())
        heard = Heard()
        tablet.listen(heard)
        for statement in ("first", "second"):
            goal = phone.goals().create(plan, GoalDraft(statement=statement))
            await phone.sync_now()
            await tablet.sync_now()
            told = lambda c: isinstance(c, Change.RECORDS) and goal in c.records  # noqa: B023, E731
            self.assertTrue(heard.wait(told), f"not told of the {statement} goal")

    async def test_texts_in_every_script_come_back_as_they_were_written(self):
        phone, plan = self.begin()
        tablet = await self.link_therapist(phone, plan)
        texts = {
            "👩🏽‍🚀🏳️‍🌈", "עברית ואז English", "\u202eright to left\u202c", "a\0b", "\0",
            "cafe\u0301 and café", "\U0001f33f", "ﷺ", "日本語", "\u2028", "🌿" * 4_000,
        }  # fmt: skip
        for text in texts:
            phone.check_ins().log(plan, NewCheckIn(outcome=Outcome.NOTE_ONLY, note=text))
        for half in ("\ud83c", "\udf3f"):
            with self.assertRaises(UnicodeEncodeError):
                phone.check_ins().log(plan, NewCheckIn(outcome=Outcome.NOTE_ONLY, note=half))
        await phone.sync_now()
        await tablet.sync_now()
        for device in (phone, tablet):
            self.assertEqual({entry.note for entry in all_check_ins(device, plan)}, texts)

    def test_dates_at_both_ends_are_kept_and_those_beyond_are_refused(self):
        phone, plan = self.begin()
        log = phone.check_ins().log

        def done(on):
            return NewCheckIn(outcome=Outcome.DONE, date=on)

        for on in ("1900-01-01", "9999-12-31"):
            log(plan, done(on))
            self.assertEqual([c.date for c in phone.check_ins().on(plan, on)], [on])
        at = datetime(1900, 1, 1, 0, 0, 0, 1_000, tzinfo=timezone.utc)
        phone.check_ins().log_at(plan, TimedCheckIn(check_in=done("2028-02-29"), at=at))
        (leap,) = phone.check_ins().on(plan, "2028-02-29")
        self.assertEqual(leap.at, at)
        before = phone.projection_hash(plan)
        for on in ("1899-12-31", "+10000-01-01", "2027-02-29", "", "1900-1-1x"):
            self.refused(
                WaymarkError.InvalidInput,
                "invalid_input",
                lambda: log(plan, done(on)),  # noqa: B023
            )
        self.assertEqual(phone.projection_hash(plan), before)
