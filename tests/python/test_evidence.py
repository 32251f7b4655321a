"""Reproduces docs/vectors/evidence.json: what proves that a relay told two stories."""

import unittest

from test_vectors import Case, load, unhex
from waymark import cbor, evidence, wire


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


if __name__ == "__main__":
    unittest.main()
