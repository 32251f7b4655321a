"""Keys, and what is sealed with them."""

from vectors import Case, flipped, load, unhex
from waymark import sealing
from waymark.wire import Refused


class Sealing(Case):
    def setUp(self):
        self.vectors = load("sealing")

    def test_epoch_keys(self):
        vectors = self.vectors["epoch_keys"]
        seed = unhex(vectors["recipient_seed"])
        _, public = sealing.agreement_key_pair(seed)
        self.assertEqual(public.hex(), vectors["recipient_public"])
        for vector in vectors["sealed"]:
            info = sealing.epoch_info(
                unhex(vector["space"]),
                unhex(vector["predecessor"]),
                unhex(vector["epoch"]),
                vector["device"],
            )
            self.assertEqual(info.hex(), vector["info"])
            sealed = unhex(vector["sealed"])
            opened = sealing.open_epoch_key(seed, info, sealed)
            self.assertEqual(opened.hex(), vectors["epoch_key"])
            low = sealed[:1_088] + bytes(32) + sealed[1_120:]
            for wrong in [flipped(sealed, 0), flipped(sealed, 1_100), flipped(sealed, 1_167), low]:
                refused = self.outcome(lambda: sealing.open_epoch_key(seed, info, wrong))
                self.assertEqual(refused, "not_opened")
            for other in [flipped(info, 20), flipped(info, len(info) - 1)]:
                refused = self.outcome(lambda: sealing.open_epoch_key(seed, other, sealed))
                self.assertEqual(refused, "not_opened")

    def test_agreement_keys(self):
        good = unhex(self.vectors["epoch_keys"]["recipient_public"])
        for vector in self.vectors["agreement_keys"]["x25519"]:
            key = good[:-32] + unhex(vector["x25519"])
            self.assertEqual(
                self.outcome(lambda: sealing.check_agreement_key(key)), vector["outcome"]
            )
        for vector in self.vectors["agreement_keys"]["ml_kem"]:
            pair = vector["first_coefficient"] | (good[1] >> 4) << 12
            key = pair.to_bytes(2, "little") + good[2:]
            self.assertEqual(
                self.outcome(lambda: sealing.check_agreement_key(key)), vector["outcome"]
            )

    def test_entries_and_rosters(self):
        for vector in self.vectors["entries"]:
            place = [
                unhex(vector[name]) for name in ("epoch_key", "space", "membership_entry", "header")
            ]
            roster = vector["form"] == "roster"
            derived = sealing.roster_key(*place) if roster else sealing.entry_key(*place)
            self.assertEqual(derived[0].hex(), vector["one_off_key"])
            if roster:
                self.assertEqual(derived[1].hex(), vector["commitment"])
            seal = sealing.seal_roster if roster else sealing.seal
            open_sealed = sealing.open_roster if roster else sealing.open_entry
            sealed, padded = unhex(vector["sealed"]), unhex(vector["padded"])
            self.assertEqual(seal(*place, padded), sealed)
            self.assertEqual(open_sealed(*place, sealed), padded)
            for at in (0, 40, len(sealed) - 1):
                with self.assertRaises(Refused):
                    open_sealed(*place, flipped(sealed, at))
            for part in range(4):
                moved = list(place)
                moved[part] = flipped(moved[part], 5)
                with self.assertRaises(Refused):
                    open_sealed(*moved, sealed)

    def test_another_key_is_told_from_altered_bytes(self):
        vector = self.vectors["entries"][1]
        key, *place = [
            unhex(vector[name]) for name in ("epoch_key", "space", "membership_entry", "header")
        ]
        sealed = unhex(vector["sealed"])
        other = self.outcome(lambda: sealing.open_roster(flipped(key, 0), *place, sealed))
        self.assertEqual(other, "wrong_commitment")
        altered = self.outcome(lambda: sealing.open_roster(key, *place, flipped(sealed, 32)))
        self.assertEqual(altered, "not_opened")

    def test_storage(self):
        vectors = self.vectors["storage"]
        key = sealing.StorageKey(unhex(vectors["storage_key"]), unhex(vectors["salt"]))
        self.assertEqual(key.key.hex(), vectors["database_key"])
        self.assertEqual(key.check_value.hex(), vectors["check_value"])
        self.assertEqual(key.checksum.hex(), vectors["keyring_checksum"])
        for row in vectors["rows"]:
            sealed, place = unhex(row["sealed"]), unhex(row["key"])
            self.assertEqual(key.open(row["table"], place, sealed).hex(), row["value"])
            for work in (
                lambda: key.open(row["table"] + 1, place, sealed),
                lambda: key.open(row["table"], place + b"x", sealed),
                lambda: key.open(row["table"], place, flipped(sealed, 0)),
            ):
                self.assertEqual(self.outcome(work), "not_opened")
