"""What a client decides happens, or the client is told that it cannot any more."""

from bench import Case, Heard, Relay, all_check_ins, check_in, goal_and_measures
from waymark import Change, MembershipChange, Role, SpaceKind, Wanted, WaymarkError


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
