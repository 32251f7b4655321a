"""The log: entries, their chain, proofs and receipts."""

from hashlib import sha256

from vectors import Case, flipped, load, unhex
from waymark import cbor, wire
from waymark.wire import Refused, parse_entry


class Entries(Case):
    def setUp(self):
        self.vectors = load("entries")

    def test_padding(self):
        padding = self.vectors["padding"]
        for size in padding["sizes"]:
            self.assertEqual(len(wire.pad(bytes(size["text"]))), size["padded"])
        for text in padding["texts"]:
            self.assertEqual(wire.pad(unhex(text["text"])), unhex(text["padded"]))
            self.assertEqual(wire.unpad(unhex(text["padded"])), unhex(text["text"]))
        allowed = [length for length in range(256, 601) if wire.is_padded(length)]
        self.assertEqual(allowed, padding["allowed_from_256_to_600"])
        for text in padding["without_end_mark"]:
            self.assertEqual(self.outcome(lambda: wire.unpad(unhex(text))), "not_padded")

    def test_signing_keys(self):
        for key in self.vectors["signing_keys"]["honest"]:
            seed, message = unhex(key["seed"]), unhex(key["message"])
            self.assertEqual(wire.public_key(seed).hex(), key["public"])
            self.assertEqual(wire.sign(seed, message).hex(), key["signature"])
            wire.check_signing_key(unhex(key["public"]))
            self.assertFalse(
                wire.verifies(unhex(key["public"]), message, flipped(unhex(key["signature"]), 3))
            )
        for key in self.vectors["signing_keys"]["refused"]:
            self.assertEqual(
                self.outcome(lambda: wire.check_signing_key(unhex(key["key"]))), key["why"]
            )

    def test_entries(self):
        for vector in self.vectors["entries"]:
            header, space = vector["header"], unhex(vector["space"])
            at, seed = unhex(vector["membership_entry"]), unhex(vector["seed"])
            packed = wire.header_bytes(
                header["kind"],
                header["device"],
                header["counter"],
                header["height"],
                header["seen_seq"],
                unhex(header["seen_chain"]),
                unhex(header["salt"]),
            )
            self.assertEqual(packed.hex(), header["bytes"])
            unsigned = packed + unhex(vector["body"])
            entry_id = sha256(space + unsigned).digest()
            self.assertEqual(entry_id.hex(), vector["id"])
            signature = wire.sign(seed, wire.signed_text(at, entry_id))
            self.assertEqual(signature.hex(), vector["signature"])
            self.assertEqual((unsigned + signature).hex(), vector["bytes"])

            entry, key = parse_entry(unhex(vector["bytes"])), wire.public_key(seed)
            self.assertEqual(entry.id(space), entry_id)
            self.assertTrue(entry.is_signed_by(key, at, entry_id))
            # Altered anywhere, or read as another space's or another height's, it is nobody's.
            for place in range(0, len(entry.raw), 7):
                try:
                    altered = parse_entry(flipped(entry.raw, place))
                except Refused:
                    continue
                self.assertFalse(altered.is_signed_by(key, at, altered.id(space)), place)
            self.assertFalse(entry.is_signed_by(key, flipped(at, 0), entry_id))
            self.assertFalse(entry.is_signed_by(key, at, entry.id(flipped(space, 31))))

    def test_forms(self):
        for form in self.vectors["forms"]:
            raw = bytearray(form["length"])
            raw[:2] = bytes([form["version"], form["kind"]])[: form["length"]]
            self.assertEqual(self.outcome(lambda: parse_entry(bytes(raw))), form["outcome"], form)

    def test_acks(self):
        for vector in self.vectors["acks"]:
            said = wire.read_ack(unhex(vector["body"]))
            if said is None:
                outcome = "unreadable"
            else:
                outcome = {
                    1: lambda epoch: {"key_refused": epoch},
                    2: lambda about: {"checkpoint_ok": about.hex()},
                    3: lambda about, fault: {"checkpoint_bad": about.hex(), "fault": fault},
                }.get(said[0], lambda _: {"unknown": said[0]})(*said[1:])
            self.assertEqual(outcome, vector["outcome"], vector["what"])
        (ack,) = [e for e in self.vectors["entries"] if e["header"]["kind"] == wire.ACK]
        self.assertEqual(wire.read_ack(unhex(ack["body"])), (1, 7))
        self.assertEqual(wire.pad(cbor.encode({0: 1, 1: 7})).hex(), ack["body"])

    def test_checkpoints(self):
        vectors = self.vectors["checkpoints"]
        for vector in vectors["bodies"]:
            try:
                public, private = wire.read_checkpoint(unhex(vector["body"]))
                outcome = {
                    "seq": public[0],
                    "chain": public[1].hex(),
                    "height": public[2],
                    "counters": public[3],
                    "snapshots": len(public.get(4, [])),
                    "kept": [seq for seq, _ in public.get(5, [])],
                    "private": private,
                }
            except Refused as refused:
                outcome = str(refused)
            self.assertEqual(outcome, vector["outcome"], vector["what"])
        whole = unhex(vectors["bodies"][0]["body"])
        public, private = wire.read_checkpoint(whole)
        text = cbor.encode(public)
        self.assertEqual(len(text).to_bytes(4, "big") + text + whole[-private:], whole)
        private = vectors["private"]
        documents = [[*of, unhex(digest)] for *of, digest in private["documents"]]
        self.assertEqual(cbor.encode({0: documents}).hex(), private["text"])

    def test_chain(self):
        vector = self.vectors["chain"]
        chain = wire.chain_start(unhex(vector["space"]))
        self.assertEqual(chain.hex(), vector["start"])
        for step in vector["steps"]:
            chain = wire.chain_next(chain, step["seq"], unhex(step["id"]))
            self.assertEqual((chain.hex(), chain[:16].hex()), (step["chain"], step["tag"]))

    def test_read_proof(self):
        proof = self.vectors["read_proof"]
        text = wire.proof_text(
            unhex(proof["relay"]), unhex(proof["nonce"]), unhex(proof["space"]), proof["device"]
        )
        self.assertEqual(wire.sign(unhex(proof["seed"]), text).hex(), proof["signature"])

    def test_receipt(self):
        receipt = self.vectors["receipt"]
        text = wire.receipt_text(
            unhex(receipt["space"]),
            unhex(receipt["generation"]),
            receipt["seq"],
            unhex(receipt["chain"]),
        )
        self.assertEqual(wire.public_key(unhex(receipt["relay_seed"])).hex(), receipt["relay"])
        self.assertEqual(wire.sign(unhex(receipt["relay_seed"]), text).hex(), receipt["signature"])
        self.assertFalse(
            wire.verifies(unhex(receipt["relay"]), flipped(text, 80), unhex(receipt["signature"]))
        )
