"""The database opens with its key alone, and only once."""

from bench import Case, Key, Without, check_in, goal_and_measures
from waymark import KeyProviderError, WaymarkError, check_evidence, check_member_evidence, version


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
