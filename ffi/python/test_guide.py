"""What the guide tells app developers to write does what it says."""

from bench import RELAY, Case, Key, all_check_ins, lock
from guide import guide


class Guide(Case):
    """What the guide tells app developers to write does what it says."""

    async def test_the_guides_blocks_lead_from_an_empty_directory_to_a_synced_check_in(self):
        waymark, plan = await guide(str(self.root / "phone"), RELAY.url, Key())
        self.addCleanup(lock, waymark)
        self.assertEqual([entry.note for entry in all_check_ins(waymark, plan)], ["It rained"])
        self.assertEqual({status.unsent for status in waymark.status()}, {0})
