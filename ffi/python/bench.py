"""What the tests of the Python binding share: a relay, devices, and what is written on them."""

import atexit
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import unittest
from datetime import date
from pathlib import Path

from waymark import (
    ChangeListener,
    Comparison,
    GoalDraft,
    InvitationPurpose,
    InvitationStage,
    KeyProvider,
    NewCheckIn,
    NewMeasure,
    Outcome,
    Period,
    Rating,
    Schedule,
    SchedulePattern,
    Target,
    Waymark,
    WaymarkConfig,
    WaymarkError,
)

# Emoji beyond the basic plane, right-to-left text, a combining accent and a NUL.
NOTE = "ten minutes 🌿🧘🏽 · עשר דקות · عشر دقائق · cafe\u0301 · a\0b"
STATEMENT = "Ten minutes of mindfulness 🌿"


class Relay:
    """The relay's own program on a free loopback port."""

    def __init__(self):
        self.data = tempfile.mkdtemp(prefix="waymark-relay-")
        self.start("127.0.0.1:0")

    def start(self, listen):
        self.process = subprocess.Popen(
            [os.environ["WAYMARK_SERVER"], "--data", self.data, "--listen", listen],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        # "waymark-server listens on http://127.0.0.1:4711 with the key ..."
        words = self.process.stdout.readline().split()
        self.url = next(word for word in words if word.startswith("http://"))

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.end()
        shutil.rmtree(self.data)

    def backup(self):
        """A copy of what it holds now."""
        self.end()
        copy = tempfile.mkdtemp(prefix="waymark-backup-")
        shutil.copytree(self.data, copy, dirs_exist_ok=True)
        self.start(self.url.removeprefix("http://"))
        return copy

    def put_back(self, backup):
        """Everything since the backup is lost."""
        self.end()
        shutil.rmtree(self.data)
        self.data = backup
        self.start(self.url.removeprefix("http://"))


# What every device is with, unless a test says otherwise.
RELAY = Relay()
atexit.register(RELAY.stop)


class Key(KeyProvider):
    """A key provider that counts how often it is asked."""

    def __init__(self, key=None):
        self.key = key or secrets.token_bytes(32)
        self.asked = 0

    def storage_key(self):
        self.asked += 1
        return self.key


class Without(KeyProvider):
    """A key provider that throws."""

    def __init__(self, error):
        self.error = error

    def storage_key(self):
        raise self.error


class Heard(ChangeListener):
    """A listener that keeps what it hears."""

    def __init__(self):
        self.changes = []
        self.heard = threading.Condition()

    def changed(self, changes):
        with self.heard:
            self.changes += changes
            self.heard.notify_all()

    def wait(self, wanted):
        """Waits for a change; whether it came."""
        with self.heard:
            return self.heard.wait_for(lambda: any(map(wanted, self.changes)), timeout=30)


class Case(unittest.IsolatedAsyncioTestCase):
    """Devices with directories of their own."""

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="waymark-test-"))
        # A connection that still ends closes its database, and so deletes a file, on its own time.
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)

    def config(self, name, relay=None):
        return WaymarkConfig(
            directory=str(self.root / name),
            relay=relay or RELAY.url,
            time_zone="Europe/Amsterdam",
        )

    def open(self, name, key=None, relay=None):
        device = Waymark.open(self.config(name, relay), key or Key())
        # A listener that is called while Python ends would take the process down.
        self.addCleanup(lock, device)
        return device

    def begin(self, name="phone", **options):
        phone = self.open(name, **options)
        phone.people().begin("Kim", name)
        return phone, phone.people().create_plan()

    async def link_therapist(self, phone, plan, **options):
        tablet = self.open("tablet", **options)
        card = tablet.people().card("Dr. Ada", "tablet")
        phone.people().add_therapist(plan, card)
        self.assertIsNone(phone.people().welcome(card))
        await phone.sync_now()
        tablet.people().accept(phone.people().welcome(card))
        await tablet.sync_now()
        return tablet

    async def link_phone(self, phone):
        second = self.open("second")
        card = second.people().card("Kim", "second")
        phone.people().add_own_device(card)
        await phone.sync_now()
        second.people().accept(phone.people().welcome(card))
        for device in (second, phone, second):
            await device.sync_now()
        return second

    async def meet(self, link, devices, stage):
        """Syncs in turn until an invitation stands so on all devices."""
        for _ in range(8):
            seen = [device.invitations().get(link.id()) for device in devices]
            if all(invitation.stage == stage for invitation in seen):
                return seen
            for device in devices:
                await device.sync_now()
        raise AssertionError(f"not {stage}: {seen}")

    async def invite_therapist(self, phone, plan):
        """Both see the same code and say so; each syncs alone."""
        tablet = self.open("tablet")
        link = phone.invitations().invite(InvitationPurpose.PLAN(plan))
        await phone.sync_now()
        tablet.invitations().accept(link.text(), "Dr. Ada", "tablet")
        pair = (phone, tablet)
        mine, theirs = await self.meet(link, pair, InvitationStage.COMPARING)
        self.assertRegex(mine.code, r"\A\d{3} \d{3}\Z")
        self.assertEqual(mine.code, theirs.code)
        self.assertEqual((mine.name, theirs.name), ("Dr. Ada", "Kim"))
        phone.invitations().confirm(link.id(), True)
        await phone.sync_now()
        self.assertEqual({m.name for m in phone.people().members(plan)}, {"Kim"}, "one yes")
        self.assertEqual(tablet.people().plans(), [])
        tablet.invitations().confirm(link.id(), True)
        for seen in await self.meet(link, pair, InvitationStage.DONE):
            self.assertEqual((seen.space, seen.problem), (plan, None))
        await phone.sync_now()
        await tablet.sync_now()
        return tablet

    def refused(self, kind, code, call):
        """The call throws one kind of error, with its code."""
        with self.assertRaises(kind) as caught:
            call()
        self.assertEqual(caught.exception.code(), code)
        return caught.exception


def lock(device):
    """Locks a device, also one that is locked."""
    with contextlib.suppress(WaymarkError.Locked):
        device.lock()


def goal_and_measures(device, plan):
    goals = device.goals()
    minutes = goals.define_measure(
        plan, NewMeasure(label="minutes", min=0, max=600, step=1, unit="min")
    )
    mood = goals.define_measure(plan, NewMeasure(label="mood", min=0, max=10, step=1))
    goal = goals.create(
        plan,
        GoalDraft(statement=STATEMENT, target=target(minutes, 10.0), schedule=daily()),
    )
    return goal, minutes, mood


def target(minutes, value):
    return Target(
        measure=minutes, comparison=Comparison.AT_LEAST, value=value, period=Period.DAY
    )


def daily():
    return Schedule(pattern=SchedulePattern.DAILY())


def check_in(goal, mood, **more):
    return NewCheckIn(
        goal=goal,
        outcome=Outcome.DONE,
        quantity=12.5,
        ratings=[Rating(measure=mood, value=7)],
        note=NOTE,
        **more,
    )


def all_check_ins(device, plan):
    months = [date.fromisoformat(first) for first in device.check_ins().months(plan)]
    return [
        entry for day in months for entry in device.check_ins().in_month(plan, day.year, day.month)
    ]
