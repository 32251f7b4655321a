"""Reproduces docs/vectors/evidence.json: what proves that a relay told two stories."""

import unittest

from vectors import Case, load, unhex
from waymark import cbor, equivocation, evidence, sealing, wire


class Evidence(Case):
    def setUp(self):
        self.vectors = load("evidence")
        self.seed = unhex(self.vectors["relay_seed"])
        self.space = unhex(self.vectors["space"])
        self.generation = unhex(self.vectors["generation"])

    def test_what_proves_it(self):
        for vector in self.vectors["proofs"]:
            generation, seq, one, other = evidence.verify(unhex(vector["bytes"]))
            self.assertEqual(generation, self.generation)
            said = (seq, one.hex(), other.hex())
            self.assertEqual(said, (vector["seq"], vector["one"], vector["other"]))
            self.assertNotEqual(one, other)

    def test_it_is_made_of_the_ids_and_the_relays_key_alone(self):
        for vector in self.vectors["proofs"]:
            seq, chain = vector["from"][0], unhex(vector["from"][1])
            stories = []
            for name in ("shorter", "longer"):
                ids = [unhex(entry_id) for entry_id in vector[name]]
                if name == "longer" or ids:
                    tag = evidence.chain_to(chain, seq, ids)[:16]
                    position = [seq + len(ids), tag]
                else:
                    position = [vector["shorter_position"][0], unhex(vector["shorter_position"][1])]
                receipt = evidence.receipt_of(self.seed, self.space, self.generation, position)
                stories.append({0: receipt, 1: ids})
            relay = wire.public_key(self.seed)
            made = evidence.assemble(relay, self.space, [seq, chain], *stories)
            self.assertEqual(made.hex(), vector["bytes"], vector["what"])

    def test_what_proves_nothing(self):
        for vector in self.vectors["refused"]:
            outcome = self.outcome(lambda: evidence.verify(unhex(vector["bytes"])))
            self.assertEqual(outcome, vector["outcome"], vector["what"])

    def test_no_flipped_bit_leaves_a_proof(self):
        for vector in self.vectors["proofs"]:
            raw = unhex(vector["bytes"])
            for place in range(len(raw)):
                spoiled = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
                with self.assertRaises((wire.Refused, cbor.Malformed)):
                    evidence.verify(spoiled)


class Members(Case):
    def setUp(self):
        self.vectors = load("evidence")["members"]

    def test_what_proves_two_changes_under_one_number(self):
        vector = self.vectors["proof"]
        kind, part, change, one, other = equivocation.verify(unhex(vector["bytes"]))
        document = {"kind": kind, "part": part}
        self.assertEqual((document, change), (vector["document"], vector["change"]))
        self.assertEqual((one.hex(), other.hex()), (vector["one"], vector["other"]))

    def test_each_entrys_key_follows_from_the_epochs(self):
        epoch, at = unhex(self.vectors["epoch_key"]), unhex(self.vectors["membership_entry"])
        proof = cbor.decode(unhex(self.vectors["proof"]["bytes"]))
        self.assertEqual(proof[1].hex(), self.vectors["space"])
        self.assertEqual(proof[2].hex(), self.vectors["signer"])
        for signed in (proof[3], proof[4]):
            header = wire.parse_entry(signed[0]).header
            info = sealing.entry_info(b"waymark/1 seal", proof[1], at, header)
            self.assertEqual(signed[1], at)
            self.assertEqual(sealing.hkdf(header[-16:], epoch, info, 32), signed[2])

    def test_what_proves_nothing(self):
        for vector in self.vectors["refused"]:
            outcome = self.outcome(lambda: equivocation.verify(unhex(vector["bytes"])))
            self.assertEqual(outcome, vector["outcome"], vector["what"])


if __name__ == "__main__":
    unittest.main()
