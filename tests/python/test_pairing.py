"""Reproduces docs/vectors/pairing.json: links, typed codes, and mailboxes from offer to welcome."""

import unittest

from vectors import Case, flipped, load, unhex
from waymark import cbor, membership, pairing, wire
from waymark.wire import Refused


class Pairing(Case):
    def setUp(self):
        self.vectors = load("pairing")

    def test_links(self):
        for vector in self.vectors["links"]:
            link = pairing.Link(
                vector["purpose"],
                vector["relay_url"],
                unhex(vector["relay_key"]),
                unhex(vector["secret"]),
                vector["expires"],
            )
            self.assertEqual(pairing.Link.parse(vector["text"]), link)
            self.assertEqual(link.text(), vector["text"])
            self.assertEqual(pairing.mailbox(link.secret).hex(), vector["mailbox"])

    def test_typed_codes(self):
        for vector in self.vectors["codes"]:
            said = (vector["purpose"], unhex(vector["secret"]))
            self.assertEqual(pairing.write_code(*said), vector["text"])
            self.assertEqual(pairing.read_code(vector["text"]), said)
        first = pairing.read_code(self.vectors["codes"][0]["text"])
        for typed in self.vectors["codes_as_typed"]:
            self.assertEqual(pairing.read_code(typed), first, typed)

    def test_mistyped_codes(self):
        for vector in self.vectors["codes_refused"]:
            try:
                pairing.read_code(vector["text"])
                found = ("ok", None)
            except Refused as refused:
                found = refused.args
            self.assertEqual(found, (vector["outcome"], vector["group"]), vector["text"])

    def test_runs(self):
        for vector in self.vectors["runs"]:
            link = pairing.Link.parse(vector["link"])
            secret, slots = link.secret, {}
            self.assertEqual(pairing.mailbox(secret).hex(), vector["mailbox"])
            for slot in vector["slots"]:
                number, sealed = slot["slot"], unhex(slot["sealed"])
                text = unhex(slot["text"])
                self.assertEqual(pairing.slot_key(secret, number).hex(), slot["key"])
                self.assertEqual(pairing.open_slot(secret, number, sealed), text)
                self.assertEqual(pairing.seal(secret, number, text, sealed[:12]), sealed)
                self.assertEqual(cbor.encode(cbor.decode(text)), text)
                for wrong in (
                    lambda: pairing.open_slot(secret, number + 1, sealed),
                    lambda: pairing.open_slot(flipped(secret, 3), number, sealed),
                    lambda: pairing.open_slot(secret, number, flipped(sealed, 0)),
                    lambda: pairing.open_slot(secret, number, flipped(sealed, len(sealed) - 1)),
                ):
                    self.assertEqual(self.outcome(wrong), "not_opened")
                slots[number] = sealed
            said, welcome = pairing.read_mailbox(vector["purpose"], secret, slots)
            self.assertEqual(said.hex(), vector["transcript"])
            self.assertEqual(pairing.code(said), vector["code"])
            self.assertEqual(welcome.hex(), vector["welcome"])
            # The offer's end is the link's.
            offer = cbor.decode(unhex(vector["slots"][0]["text"]))[1]
            self.assertEqual(offer[3], link.expires)

    def test_who_signs(self):
        for vector in self.vectors["runs"]:
            texts = {slot["slot"]: cbor.decode(unhex(slot["text"]))[1] for slot in vector["slots"]}
            inviter, invited = unhex(vector["inviter_seed"]), unhex(vector["invited_seed"])
            for slot, seed in ((2, inviter), (1, invited)):
                card = membership.parse_card(texts[slot][0])
                self.assertEqual(card["keys"][0][0], wire.public_key(seed))
            said = unhex(vector["transcript"])
            for slot, seed in ((3, invited), (4, inviter)):
                signature = wire.sign(seed, pairing.signed_yes(slot, said))
                self.assertEqual(texts[slot], {0: signature})
            slot, seed = (6, invited) if vector["purpose"] == 2 else (5, inviter)
            text = pairing.signed_welcome(slot, said, unhex(vector["welcome"]))
            self.assertEqual(texts[slot][1], wire.sign(seed, text))

    def test_what_is_refused(self):
        run = self.vectors["runs"][0]
        secret = pairing.Link.parse(run["link"]).secret
        for vector in self.vectors["refused"]:
            slots = {slot["slot"]: unhex(slot["sealed"]) for slot in run["slots"]}
            slots[vector["slot"]] = unhex(vector["sealed"])
            outcome = self.outcome(lambda: pairing.read_mailbox(run["purpose"], secret, slots))
            self.assertEqual(outcome, vector["outcome"], vector["what"])


if __name__ == "__main__":
    unittest.main()
