"""Who reads a plan is the client's decision, seen by both and taken back at any time."""

from datetime import date, datetime, timedelta, timezone

from bench import STATEMENT, Case, Heard, all_check_ins, check_in, daily, goal_and_measures
from waymark import (
    Change,
    Content,
    Forgettable,
    GoalDraft,
    GrantScope,
    GrantState,
    InvitationEnd,
    InvitationPurpose,
    InvitationStage,
    Keep,
    KeyHolder,
    Kind,
    MembershipChange,
    Message,
    NewRevision,
    Reason,
    RecoveryState,
    Role,
    SpaceKind,
    WaymarkError,
)


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
        text = "Sleep comes first"
        tablet.items().add(plan, Content.A_MESSAGE(Message(text=text)))
        for device in (tablet, phone):
            await device.sync_now()
        days = [(date.today() + timedelta(days=n)).isoformat() for n in (-1, 1)]
        (message,) = phone.messages().between(plan, *days)
        self.assertEqual((message.text, message.authors), (text, [therapists[0].person]))
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
