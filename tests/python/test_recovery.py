"""Reproduces docs/vectors/recovery.json: from the words to the beacon and what it says."""

import unittest

from vectors import Case, flipped, load, unhex
from waymark import membership, recovery, sealing, wire
from waymark.wire import parse_entry


class Recovery(Case):
    def setUp(self):
        self.vectors = load("recovery")

    def test_words(self):
        for vector in self.vectors["phrases"]:
            entropy = unhex(vector["entropy"])
            self.assertEqual(recovery.words(entropy), vector["text"])
            self.assertEqual(recovery.parse(vector["text"].upper()), entropy)

    def test_what_is_no_phrase(self):
        for vector in self.vectors["refused"]:
            outcome = self.outcome(lambda: recovery.parse(vector["text"]))
            self.assertEqual(outcome, vector["outcome"], vector["text"])
            words = vector["text"].split()
            if outcome == "count":
                self.assertEqual(len(words), vector["found"])
            if outcome == "unknown_word":
                known = [word in recovery.ENGLISH.wordlist for word in words]
                self.assertEqual(known.index(False) + 1, vector["place"])
                self.assertEqual(words[vector["place"] - 1], vector["word"])

    def test_keys(self):
        labels = {"home": b"waymark/1 phrase home", "beacon_keys": b"waymark/1 phrase beacon keys"}
        for vector in self.vectors["phrases"]:
            for name, label in labels.items():
                keys = recovery.Keys.of(unhex(vector["entropy"]), label)
                self.assertEqual(keys.signing_seed.hex(), vector[name]["signing_seed"])
                self.assertEqual(keys.agreement_seed.hex(), vector[name]["agreement_seed"])
                public = wire.public_key(keys.signing_seed)
                self.assertEqual(public.hex(), vector[name]["signing_key"])

    def test_first_entry_follows_from_the_words(self):
        vector = self.vectors["phrases"][0]
        beacon = recovery.Beacon(recovery.parse(vector["text"]))
        self.assertEqual(beacon.epoch_key.hex(), vector["beacon"]["epoch_key"])
        agreement_key, sealed_key = map(unhex, vector["beacon"]["attachments"])
        _, public = sealing.agreement_key_pair(beacon.keys.agreement_seed)
        self.assertEqual(agreement_key, public)
        beacon.check_sealed_key(sealed_key)
        # The same key sealed to the same member with other randomness is not the beacon's.
        private, _ = sealing.agreement_key_pair(beacon.keys.agreement_seed)
        info = sealing.epoch_info(wire.ZERO, wire.ZERO, None, 0)
        other = sealing.SUITE.encrypt(beacon.epoch_key, private.public_key(), info=info)
        self.assertEqual(self.outcome(lambda: beacon.check_sealed_key(other)), "ml_kem")
        entry = beacon.first_entry(sealed_key)
        self.assertEqual(entry.raw.hex(), vector["beacon"]["entry"])
        state = membership.Membership(entry)
        self.assertEqual(state.space.hex(), vector["beacon"]["space"])

    def test_contents(self):
        for vector in self.vectors["phrases"]:
            space = unhex(vector["beacon"]["space"])
            first = parse_entry(unhex(vector["beacon"]["entry"]))
            self.assertEqual(first.id(wire.ZERO), space)
            beacon = recovery.Beacon(unhex(vector["entropy"]))
            for content in vector["contents"]:
                entry = parse_entry(unhex(content["entry"]))
                clear = unhex(content["content"])
                made = beacon.content_entry(space, content["counter"], entry.salt, clear)
                self.assertEqual(made.raw, entry.raw)
                said = beacon.open_content(space, entry)
                relay = {0: content["relay_url"]}
                if content["relay_key"]:
                    relay[1] = unhex(content["relay_key"])
                self.assertEqual(
                    said,
                    {
                        0: unhex(content["home"]),
                        1: relay,
                        2: unhex(content["membership_head"]),
                        3: content["device"],
                        4: [content["reaches_seq"], unhex(content["reaches_chain"])],
                    },
                )
                for place in (4, 40, 60, len(entry.raw) - 1):
                    altered = parse_entry(flipped(entry.raw, place))
                    refused = self.outcome(lambda: beacon.open_content(space, altered))
                    self.assertIn(refused, ("signature", "not_content"))


if __name__ == "__main__":
    unittest.main()
