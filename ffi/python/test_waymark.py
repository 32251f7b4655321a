"""The Python binding, end to end: engines of several people against a real relay.

Each test says what somebody would lose if it failed. The last line counts: N passed, M failed.
"""

import contextlib
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from waymark import (
    Change,
    ChangeListener,
    Comparison,
    ErrorClass,
    Forgettable,
    GoalDraft,
    GrantScope,
    GrantState,
    HeldPlace,
    InvitationEnd,
    InvitationPurpose,
    InvitationStage,
    Keep,
    KeyHolder,
    KeyProvider,
    KeyProviderError,
    Kind,
    MembershipChange,
    NewCheckIn,
    NewMeasure,
    NewRevision,
    Outcome,
    Period,
    Rating,
    Reason,
    RecoveryState,
    Role,
    Schedule,
    SchedulePattern,
    SpaceKind,
    Target,
    TimedCheckIn,
    Verdict,
    Wanted,
    Waymark,
    WaymarkConfig,
    WaymarkError,
    check_evidence,
    check_member_evidence,
    remove_damaged,
    salvage,
    version,
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

    def open(self, name, key=None, relay=None):
        config = WaymarkConfig(
            directory=str(self.root / name),
            relay=relay or RELAY.url,
            time_zone="Europe/Amsterdam",
        )
        device = Waymark.open(config, key or Key())
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


class Sharing(Case):
    """Who reads a plan is the client's decision, seen by both and taken back at any time."""

    async def test_who_is_invited_reads_the_plan_after_both_saw_the_same_code(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        heard = Heard()
        phone.listen(heard)
        tablet = await self.invite_therapist(phone, plan)

        self.assertEqual(tablet.people().plans(), [plan])
        self.assertEqual([c.id for c in all_check_ins(tablet, plan)], [logged])
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))
        members, theirs = ([
            (m.number, m.person, m.name, m.role, m.device_name, m.rights, m.holder, m.since)
            for m in device.people().members(plan)
        ] for device in (phone, tablet))
        self.assertEqual(members, theirs)
        therapists = [
            m
            for m in phone.people().members(plan)
            if (m.role, m.holder) == (Role.THERAPIST, KeyHolder.DEVICE)
        ]
        self.assertEqual(
            [(m.name, m.device_name, m.rights) for m in therapists], [("Dr. Ada", "tablet", "write")]
        )
        self.assertEqual(phone.people().history(plan), tablet.people().history(plan))
        number = phone.people().safety_number(plan)
        self.assertRegex(number, r"\A\d{5}( \d{5}){11}\Z")
        self.assertEqual(number, tablet.people().safety_number(plan))

        (invitation,) = phone.invitations().list()
        told = heard.wait(lambda c: isinstance(c, Change.INVITATION) and c.id == invitation.id)
        self.assertTrue(told, "the phone's app was not told that the therapist answered")
        for device in (phone, tablet):
            device.invitations().forget(invitation.id)
            self.assertEqual(device.invitations().list(), [])

    async def test_who_sees_another_code_says_so_and_nobody_gets_in(self):
        phone, plan = self.begin()
        tablet = self.open("tablet")
        link = phone.invitations().invite(InvitationPurpose.PLAN(plan), days=1)
        for secret in (link.text(), link.code()):
            self.assertNotIn(secret, f"{link} {link!r} {phone.invitations().list()}")
        self.assertEqual(phone.invitations().show(link.id()).text(), link.text())
        self.assertLess(link.expires(), datetime.now(timezone.utc) + timedelta(days=1, minutes=1))
        accept = tablet.invitations().accept
        mistyped = "2" + link.code()[1:]
        error = self.refused(
            WaymarkError.InvalidInput,
            "invalid_input",
            lambda: accept(mistyped, "Dr. Ada", "tablet"),
        )
        self.assertIn("group 1 ", error.reason)
        self.assertNotIn(link.code()[1:], error.reason)
        await phone.sync_now()
        accept(link.code(), "Dr. Ada", "tablet")
        await self.meet(link, (phone, tablet), InvitationStage.COMPARING)
        self.refused(
            WaymarkError.NotAllowed, "not_allowed", lambda: phone.invitations().show(link.id())
        )
        phone.invitations().confirm(link.id(), True)
        tablet.invitations().confirm(link.id(), False)
        ends = await self.meet(link, (phone, tablet), InvitationStage.ENDED)
        self.assertEqual(
            [seen.end for seen in ends], [InvitationEnd.CODES_DIFFER, InvitationEnd.WITHDRAWN]
        )
        self.assertEqual({m.name for m in phone.people().members(plan)}, {"Kim"})
        self.assertEqual(tablet.people().plans(), [])

    async def test_who_is_revoked_reads_nothing_that_comes_later_and_is_told_nothing(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        tablet = await self.invite_therapist(phone, plan)
        seen = phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        await tablet.sync_now()
        people = phone.people()
        self.assertEqual(people.safety_number(plan), tablet.people().safety_number(plan))
        own, theirs = (
            next(m.person for m in people.members(plan) if m.role == role)
            for role in (Role.CLIENT, Role.THERAPIST)
        )
        self.refused(WaymarkError.NotAllowed, "not_allowed", lambda: people.revoke(plan, own))
        self.refused(WaymarkError.InvalidInput, "invalid_input", lambda: people.revoke(plan, "Ada"))

        people.revoke(plan, theirs)
        await phone.sync_now()
        self.assertEqual({m.name for m in people.members(plan)}, {"Kim"})
        (step,) = [s for s in people.history(plan) if MembershipChange.NEW_KEY() in s.changes]
        removed = {c.name for c in step.changes if isinstance(c, MembershipChange.REMOVED)}
        self.assertEqual((step.signer_name, removed), ("Kim", {"Dr. Ada"}))

        before = tablet.projection_hash(plan)
        unseen = phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        with self.assertRaises(WaymarkError.Offline) as caught:
            await tablet.sync_now()
        self.assertEqual(caught.exception.code(), "offline")
        self.assertEqual([s.problem for s in tablet.status() if s.plan == plan], ["offline"])
        self.assertEqual(tablet.projection_hash(plan), before)
        self.assertEqual([c.id for c in all_check_ins(tablet, plan)], [seen], "what came stays")
        self.assertEqual({c.id for c in all_check_ins(phone, plan)}, {seen, unseen})
        self.assertIn("Dr. Ada", {m.name for m in tablet.people().members(plan)})
        self.assertNotEqual(people.safety_number(plan), tablet.people().safety_number(plan))

    async def test_a_grant_that_is_withdrawn_ends_with_the_next_sync_and_what_came_stays(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        seen = phone.check_ins().log(plan, check_in(goal, mood))
        tablet = await self.invite_therapist(phone, plan)
        people = phone.people()
        theirs = next(m.person for m in people.members(plan) if m.role == Role.THERAPIST)
        until = (date.today() + timedelta(days=30)).isoformat()
        for kind, code, call in [
            (
                WaymarkError.NotAllowed,
                "not_allowed",
                lambda: tablet.people().grant(plan, theirs, "Therapy", until),
            ),
            (
                WaymarkError.InvalidInput,
                "invalid_input",
                lambda: people.grant(plan, theirs, "Therapy", "2001-01-01"),
            ),
        ]:
            self.refused(kind, code, call)
        granted = people.grant(plan, theirs, "Therapy", until)
        await phone.sync_now()
        await tablet.sync_now()
        (grant,) = tablet.people().grants(plan)
        self.assertEqual(
            (grant.id, grant.person, grant.name, grant.purpose, grant.until),
            (granted, theirs, "Dr. Ada", "Therapy", until),
        )
        self.assertEqual((grant.scope, grant.state), (GrantScope.PLAN, GrantState.ACTIVE))

        people.withdraw_grant(plan, granted)
        self.assertEqual([g.state for g in people.grants(plan)], [GrantState.WITHDRAWN])
        await phone.sync_now()
        self.assertEqual({m.name for m in people.members(plan)}, {"Kim"})
        phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        with self.assertRaises(WaymarkError.Offline) as caught:
            await tablet.sync_now()
        self.assertEqual(caught.exception.code(), "offline")
        self.assertEqual([c.id for c in all_check_ins(tablet, plan)], [seen], "what came stays")

    async def test_what_a_device_wrote_is_undone_and_counts_again(self):
        phone, plan = self.begin()
        tablet = await self.invite_therapist(phone, plan)
        tablet.goals().create(plan, GoalDraft(statement="Buy our pills"))
        await tablet.sync_now()
        await phone.sync_now()
        people = phone.people()
        (number,) = (m.number for m in tablet.people().members(plan) if m.this_device)
        self.refused(
            WaymarkError.NotAllowed, "not_allowed", lambda: tablet.people().undo_device(plan, 0)
        )
        later = people.undo_device(plan, number, "2999-01-01")
        self.assertEqual((later.records, later.since), (0, "2999-01-01"))
        undone = people.undo_device(plan, number)
        self.assertEqual((undone.name, undone.records, undone.undone_by), ("Dr. Ada", 3, "Kim"))
        await phone.sync_now()
        await tablet.sync_now()
        for device in (phone, tablet):
            view = device.goals().view(plan)
            self.assertEqual(view.goals, [])
            self.assertEqual({left.reason for left in view.left_out}, {Reason.VOIDED})
            self.assertEqual({by for left in view.left_out for by in left.undone_by}, {undone.id})
            self.assertEqual(device.people().undone_devices(plan), [undone])
        people.redo_device(plan, number)
        self.assertEqual([g.statement for g in phone.goals().list(plan)], ["Buy our pills"])
        self.refused(
            WaymarkError.NotFound, "not_found", lambda: people.redo_device(plan, number)
        )

    async def test_who_begins_anew_takes_along_what_was_chosen_and_the_therapist_follows(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        phone.goals().create(plan, GoalDraft(statement="between us"))
        tablet = await self.invite_therapist(phone, plan)
        new = phone.people().begin_anew(plan, Keep(goals=[goal], check_ins_from=None))
        for _ in range(3):
            await phone.sync_now()
            await tablet.sync_now()

        self.assertEqual(tablet.people().plans(), [plan, new])
        self.assertEqual(phone.projection_hash(new), tablet.projection_hash(new))
        end = phone.people().history(plan)[-1].changes[-1]
        self.assertEqual(end, MembershipChange.CLOSED(successor=new))
        readers = phone.people().who_can_read(goal)
        self.assertEqual({item.plan for item in readers}, {plan, new})
        self.assertEqual([s.followed_by for s in phone.status() if s.plan == plan], [new])
        for device in (phone, tablet):
            self.assertEqual([g.statement for g in device.goals().list(new)], [STATEMENT])
            self.assertEqual(all_check_ins(device, new), [])
            self.assertEqual(len(all_check_ins(device, plan)), 1, "the old one stays readable")
            error = self.refused(
                WaymarkError.NotAllowed,
                "not_allowed",
                lambda: device.goals().create(plan, GoalDraft(statement="too late")),
            )
            self.assertIn(new, error.reason, "it does not say where it goes on")

    async def test_who_lost_everything_starts_again_from_the_therapists_copy(self):
        lost, old = self.begin("lost")
        goal, _, mood = goal_and_measures(lost, old)
        logged = lost.check_ins().log(old, check_in(goal, mood))
        tablet = await self.invite_therapist(lost, old)
        lost.lock()

        phone, new = self.begin()
        card = tablet.people().card("Dr. Ada", "tablet")
        phone.people().add_therapist(new, card)
        await phone.sync_now()
        tablet.people().accept(phone.people().welcome(card))
        await tablet.sync_now()
        tablet.people().offer_copy(old, new)
        await tablet.sync_now()
        await phone.sync_now()
        self.assertEqual(all_check_ins(phone, new), [], "it counts before the client says so")
        (offer,) = phone.people().offers(new)
        self.assertEqual(
            (offer.name, offer.source, offer.goals, offer.check_ins),
            ("Dr. Ada", old, [STATEMENT], 1),
        )
        self.assertEqual(phone.people().take_over(new, offer.person), offer.missing)
        self.assertEqual([c.id for c in all_check_ins(phone, new)], [logged])

    async def test_words_bring_everything_back_and_a_misspelt_one_is_named(self):
        phone, plan = self.begin()
        circle = phone.people().create_space(SpaceKind.CIRCLE)
        self.assertEqual(phone.people().recovery(), RecoveryState.NO_PHRASE)
        spoilt = phone.people().make_phrase()
        self.assertEqual(phone.people().recovery(), RecoveryState.UNCONFIRMED)
        phone.people().cancel_phrase()
        self.assertIsNone(phone.people().made_phrase())
        words = phone.people().make_phrase()
        self.assertEqual(len(words.split()), 24)
        self.assertNotEqual(words, spoilt)
        self.assertEqual(phone.people().made_phrase(), words)
        phone.people().confirm_phrase()
        self.assertEqual(phone.people().recovery(), RecoveryState.PENDING)
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        for _ in range(4):
            await phone.sync_now()
        self.assertEqual(phone.people().recovery(), RecoveryState.READY)
        phone.lock()

        found = self.open("found")
        first, rest = words.split(maxsplit=1)
        misspelt = f"{first[:-1]}#{first[-1]} {rest}"
        restore = found.people().restore
        error = self.refused(
            WaymarkError.InvalidInput, "invalid_input", lambda: restore(misspelt, "Kim", "found")
        )
        self.assertIn("word 1,", error.reason)
        self.assertNotIn(rest, error.reason)
        restore(words, "Kim", "found")
        heard = Heard()
        found.listen(heard)
        for _ in range(4):
            await found.sync_now()
        # Home, the plan and the circle.
        whole = Change.PROGRESS(ready=3, known=3)
        self.assertTrue(heard.wait(lambda c: c == whole), f"no progress: {heard.changes}")
        self.assertEqual(found.people().plans(), [plan])
        self.assertEqual(found.people().spaces(SpaceKind.CIRCLE), [circle])
        self.assertEqual([c.id for c in all_check_ins(found, plan)], [logged])

        (lost,) = [d.number for d in found.people().devices() if d.device_name == "phone"]
        found.people().remove_device(lost)
        for _ in range(4):
            await found.sync_now()
        self.assertEqual(
            [(d.device_name, d.this_device) for d in found.people().devices()
             if d.holder == KeyHolder.DEVICE],
            [("found", True)],
        )

    async def test_a_plan_that_was_left_and_closed_can_be_read_on_and_not_written(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        tablet = await self.link_therapist(phone, plan)
        people = phone.people()
        self.refused(WaymarkError.NotAllowed, "not_allowed", lambda: people.leave(plan))
        tablet.people().leave(plan)
        await tablet.sync_now()
        await phone.sync_now()
        self.assertEqual({m.name for m in people.members(plan)}, {"Kim"})
        people.rotate(plan)
        people.close_space(plan)
        await phone.sync_now()
        self.assertEqual(
            people.history(plan)[-1].changes, [MembershipChange.CLOSED(successor=None)]
        )
        self.assertEqual(phone.goals().get(plan, goal).statement, STATEMENT)
        for device in (phone, tablet):
            log = device.check_ins().log
            self.refused(
                WaymarkError.NotAllowed, "not_allowed", lambda: log(plan, check_in(goal, mood))
            )

    async def test_what_is_forgotten_is_nowhere_and_who_wrote_about_it_is_told(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        tablet = await self.invite_therapist(phone, plan)
        what = [Forgettable.GOAL(goal)]
        self.refused(
            WaymarkError.NotAllowed,
            "not_allowed",
            lambda: tablet.forgetting().forget(plan, what),
        )
        self.refused(
            WaymarkError.InvalidInput, "invalid_input", lambda: phone.forgetting().forget(plan, [])
        )
        # Offline, the tablet proposes something about what is to go.
        old = tablet.goals().get(plan, goal).in_force
        tablet.goals().propose(
            plan,
            NewRevision(
                goal=goal, replaces=[old.id], statement="Fifteen minutes", schedule=daily()
            ),
        )
        preview = phone.forgetting().preview(plan, what)
        self.assertGreaterEqual(preview.records, 3)
        self.assertFalse(phone.forgetting().is_pending(plan))
        self.assertEqual(phone.forgetting().forget(plan, what), preview)
        self.assertTrue(phone.forgetting().is_pending(plan))
        for device in (phone, tablet, phone):
            await device.sync_now()

        self.assertFalse(phone.forgetting().is_pending(plan))
        self.assertEqual(phone.projection_hash(plan), tablet.projection_hash(plan))
        for device in (phone, tablet):
            self.assertEqual(device.goals().list(plan), [])
            self.assertEqual(all_check_ins(device, plan), [])
        self.assertEqual(phone.forgetting().given_up(plan), [])
        (given_up,) = tablet.forgetting().given_up(plan)
        self.assertEqual(given_up.by, "Kim")
        # Whoever proposes agrees with it.
        self.assertEqual(
            [(k.kind, k.records) for k in given_up.kinds],
            [(Kind.GOAL_REVISION, 1), (Kind.VERDICT, 1)],
        )
        tablet.forgetting().dismiss_given_up(plan)
        self.assertEqual(tablet.forgetting().given_up(plan), [])


class Deciding(Case):
    """What a client decides happens, or the client is told that it cannot any more."""

    async def test_one_device_is_removed_by_its_number_and_a_key_is_handed_out(self):
        phone, plan = self.begin()
        goal, _, mood = goal_and_measures(phone, plan)
        tablet = await self.link_therapist(phone, plan)
        desk = self.open("desk")
        card = desk.people().card("Dr. Ada", "desk")
        tablet.people().add_own_device(card)
        await tablet.sync_now()
        desk.people().accept(tablet.people().welcome(card))
        for device in (desk, tablet, desk, phone):
            await device.sync_now()

        def number(device_name):
            (found,) = [
                m.number for m in phone.people().members(plan) if m.device_name == device_name
            ]
            return found

        people = phone.people()
        missing, own = 999, number("phone")
        for call in (people.remove_member, people.hand_key):
            self.refused(WaymarkError.NotFound, "not_found", lambda: call(plan, missing))
            self.refused(WaymarkError.NotAllowed, "not_allowed", lambda: call(plan, own))
        people.hand_key(plan, number("tablet"))
        await phone.sync_now()
        handed = MembershipChange.KEY_HANDED_OUT(number=number("tablet"))
        self.assertEqual(people.history(plan)[-1].changes, [handed])
        people.remove_member(plan, number("desk"))
        await phone.sync_now()
        phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        await tablet.sync_now()
        self.assertEqual(len(all_check_ins(tablet, plan)), 1)
        with self.assertRaises(WaymarkError.Offline):
            await desk.sync_now()
        self.assertEqual(all_check_ins(desk, plan), [])
        heard = {m.device_name: m.last_heard for m in people.members(plan)}
        self.assertIsNone(heard["phone"], "this very device")
        self.assertIsNotNone(heard["tablet"])

    async def test_what_cannot_be_any_more_is_told_and_stays_until_it_is_seen(self):
        phone, plan = self.begin()
        await self.link_therapist(phone, plan)
        second = await self.link_phone(phone)
        heard = Heard()
        second.listen(heard)
        people = second.people()
        person = next(m.person for m in people.members(plan) if m.role == Role.THERAPIST)
        people.revoke(plan, person)
        phone.people().close_space(plan)
        await phone.sync_now()
        await second.sync_now()
        wanted = Wanted.REMOVE_PERSON(person=person, name="Dr. Ada")
        told = Change.NOT_DONE(plan=plan, wanted=wanted, reason="the space is closed")
        self.assertTrue(heard.wait(lambda c: c == told), f"not told: {heard.changes}")
        (status,) = [s for s in second.status() if s.space == plan]
        self.assertEqual((status.kind, status.plan), (SpaceKind.CARE, plan))
        self.assertEqual([(n.wanted, n.reason) for n in status.not_done], [(wanted, told.reason)])
        people.forget_not_done(plan)
        self.assertEqual([s.not_done for s in second.status()], [[], []])
        (home,) = [s for s in second.status() if s.kind == SpaceKind.HOME]
        self.assertIsNone(home.plan)
        self.assertIsNotNone(home.space)

    async def test_a_relay_that_undid_a_removal_is_followed_on_a_persons_word(self):
        relay = Relay()
        self.addCleanup(relay.stop)
        phone, plan = self.begin(relay=relay.url)
        tablet = await self.link_therapist(phone, plan, relay=relay.url)
        people = phone.people()
        follow = lambda: people.follow_relay(plan)  # noqa: E731
        self.refused(WaymarkError.NotAllowed, "not_allowed", follow)
        backup = relay.backup()
        person = next(m.person for m in people.members(plan) if m.role == Role.THERAPIST)
        people.revoke(plan, person)
        await phone.sync_now()
        relay.put_back(backup)
        tablet.people().rotate(plan)
        await tablet.sync_now()

        with self.assertRaises(WaymarkError.RelayUntrusted):
            await phone.sync_now()
        (status,) = [s for s in phone.status() if s.plan == plan]
        self.assertIn("was removed", status.problem_detail)
        follow()
        for _ in range(3):
            await phone.sync_now()
        self.assertEqual({m.name for m in people.members(plan)}, {"Kim"})
        self.assertEqual([s.problem for s in phone.status()], [None, None])


class Damage(Case):
    """What is damaged or held back is named, and comes back or goes on a person's word."""

    def spoil(self, name):
        """One flipped byte in each row of the documents, as a disk that rots."""
        database = sqlite3.connect(self.root / name / "waymark.sqlite")
        with database:
            rows = database.execute("SELECT key, value FROM change").fetchall()
            for key, value in rows:
                value = value[:-1] + bytes([value[-1] ^ 1])
                database.execute("UPDATE change SET value = ? WHERE key = ?", (value, key))
        database.close()
        return len(rows)

    async def test_what_is_damaged_is_repaired_and_comes_back_with_the_next_sync(self):
        key = Key()
        phone, plan = self.begin(key=key)
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        self.assertEqual(phone.repair(None), [], "nothing is damaged")
        before = phone.projection_hash(plan)
        phone.lock()
        self.assertGreater(self.spoil("phone"), 0)

        phone = self.open("phone", key)
        self.refused(WaymarkError.Damaged, "damaged", lambda: phone.goals().list(plan))
        self.refused(WaymarkError.NotFound, "not_found", lambda: phone.repair("A" * 43))
        (repaired,) = phone.repair(plan)
        self.assertEqual((repaired.plan, repaired.lost), (plan, 0))
        self.assertGreater(repaired.documents, 0)
        for _ in range(3):
            await phone.sync_now()
        self.assertEqual([c.id for c in all_check_ins(phone, plan)], [logged])
        self.assertEqual(phone.projection_hash(plan), before)

    async def test_a_file_that_does_not_open_is_rebuilt_from_what_can_be_read(self):
        key = Key()
        phone, plan = self.begin(key=key)
        goal, _, mood = goal_and_measures(phone, plan)
        logged = phone.check_ins().log(plan, check_in(goal, mood))
        await phone.sync_now()
        phone.lock()
        config = WaymarkConfig(
            directory=str(self.root / "phone"), relay=RELAY.url, time_zone="Europe/Amsterdam"
        )
        file = self.root / "phone" / "waymark.sqlite"
        with file.open("r+b") as database:
            # The first page says what is where.
            database.write(b"\0" * 100)
        with self.assertRaises(WaymarkError):
            self.open("phone", key)
        self.refused(WaymarkError.KeyLost, "key_lost", lambda: salvage(config, Key()))
        salvaged = salvage(config, key)
        rows = {table.table: table.rows for table in salvaged.tables}
        self.assertGreater(rows["entry"], 0)
        phone = self.open("phone", key)
        phone.repair(None)
        for _ in range(3):
            await phone.sync_now()
        self.assertEqual([c.id for c in all_check_ins(phone, plan)], [logged])
        phone.lock()
        beside = set(os.listdir(self.root / "phone"))
        remove_damaged(config)
        self.assertLess(set(os.listdir(self.root / "phone")), beside)
        self.assertEqual(self.open("phone", key).people().plans(), [plan])

    async def test_where_nothing_is_held_back_nothing_can_be_released_or_given_up(self):
        phone, plan = self.begin()
        await phone.sync_now()
        held = phone.held()
        self.assertEqual(held.list(), [])
        for place in (
            HeldPlace(space=plan, seq=1, section=None),
            HeldPlace(space=plan, seq=1, section=0),
            HeldPlace(space="A" * 43, seq=1, section=None),
        ):
            for call in (held.inspect, held.release, held.discard):
                self.refused(WaymarkError.NotFound, "not_found", lambda: call(place))


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


class Keys(Case):
    """The database opens with its key alone, and only once."""

    def test_wrong_keys_and_providers_that_throw_leave_the_database_as_it_was(self):
        key = Key()
        phone, plan = self.begin(key=key)
        self.assertEqual(key.asked, 1)
        self.refused(WaymarkError.Locked, "locked", lambda: self.open("phone", key))
        phone.lock()
        gone = KeyProviderError.Gone("the keystore was reset")
        busy = KeyProviderError.Unavailable("before the first unlock")
        unexpected = RuntimeError("something else")
        for provider, kind, code in [
            (Key(), WaymarkError.KeyLost, "key_lost"),
            (Key(b"too short"), WaymarkError.InvalidInput, "invalid_input"),
            (Without(gone), WaymarkError.KeyLost, "key_lost"),
            (Without(busy), WaymarkError.Locked, "locked"),
            (Without(unexpected), WaymarkError.Locked, "locked"),
        ]:
            self.refused(kind, code, lambda: self.open("phone", provider))
        self.assertEqual(self.open("phone", key).people().plans(), [plan])

    async def test_a_locked_client_answers_nothing_and_opens_again_with_everything(self):
        key = Key()
        phone, plan = self.begin(key=key)
        goal, _, mood = goal_and_measures(phone, plan)
        phone.check_ins().log(plan, check_in(goal, mood))
        before = phone.projection_hash(plan)
        goals, live = phone.goals(), phone.go_live()
        phone.lock()
        for call in [
            lambda: goals.list(plan),
            phone.status,
            phone.go_live,
            phone.export_all,
            phone.lock,
            lambda: phone.people().begin("Kim", "phone"),
        ]:
            self.refused(WaymarkError.Locked, "locked", call)
        with self.assertRaises(WaymarkError.Locked):
            await phone.sync_now()
        # At once, also while the live connection of the old client still ends.
        again = self.open("phone", key)
        self.assertEqual(again.projection_hash(plan), before)
        live.stop()

    def test_what_is_erased_is_gone_and_the_directory_serves_a_new_beginning(self):
        phone, plan = self.begin()
        self.assertIn(plan, phone.export_all())
        phone.erase_everything()
        self.refused(WaymarkError.Locked, "locked", phone.status)
        new = self.open("phone")
        self.assertEqual(new.people().plans(), [])
        self.assertIsNone(new.diagnostics().database)
        self.assertEqual(new.diagnostics().version, version())
        self.assertEqual(new.evidence(), [])
        self.refused(WaymarkError.InvalidInput, "invalid_input", lambda: check_evidence(b"none"))
        self.refused(
            WaymarkError.InvalidInput, "invalid_input", lambda: check_member_evidence(b"none")
        )


if __name__ == "__main__":
    RELAY = Relay()
    try:
        run = unittest.main(exit=False, verbosity=2).result
    finally:
        RELAY.stop()
    bad = len(run.failures) + len(run.errors)
    sys.stderr.flush()
    print(f"{run.testsRun - bad} passed, {bad} failed", flush=True)
    sys.exit(1 if bad else 0)
