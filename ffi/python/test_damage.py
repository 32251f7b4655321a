"""What is damaged or held back is named, and comes back or goes on a person's word."""

import os
import sqlite3

from bench import Case, Key, all_check_ins, check_in, goal_and_measures
from waymark import HeldPlace, WaymarkError, remove_damaged, salvage


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
        config = self.config("phone")
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
