"""What the real relay refuses, and with which answer: forged, altered, borrowed, repeated."""

import hmac
import time
from hashlib import sha512

from process import Process
from test_relay import RelayCase
from vectors import flipped, load, unhex
from waymark import cbor, membership, relay, wire
from waymark.device import CLIENT, THERAPIST, Device
from waymark.relay import APPEND, PULL, STATUS

# The order of Ed25519's group (RFC 8032 §5.1).
ORDER = 2**252 + 27742317777372353535851937790883648493
# R is the neutral point and s is 0: good for every message under a key of small order, as often as
# the message's hash is a multiple of that order.
UNIVERSAL = b"\x01" + bytes(63)


def malleable(signature: bytes) -> bytes:
    """The same signature with another s, which RFC 8032 forbids and careless verifiers take."""
    s = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + s.to_bytes(32, "little")


def resigned(entry: bytes, signature: bytes) -> bytes:
    return entry[: -wire.SIGNATURE] + signature


class Weak(Device):
    """Somebody whose key has small order, who signs everything with one signature."""

    def __init__(self, key: bytes):
        super().__init__("Nobody", CLIENT)
        self.signing_key, self.fits = key, False

    def sign(self, text: bytes) -> bytes:
        digest = sha512(UNIVERSAL[:32] + self.signing_key + text).digest()
        self.fits = int.from_bytes(digest, "little") % ORDER % 8 == 0
        self.text = text
        return UNIVERSAL


class Entries(RelayCase):
    """No entry counts that its signer did not make for this space."""

    def setUp(self):
        super().setUp()
        self.let_in(self.therapist)
        self.entry = self.client.batch(b"a note")
        self.at = self.client.state.ids[-1]

    def signed_by(self, device: Device, space: bytes, at: bytes) -> bytes:
        entry_id = wire.parse_entry(self.entry).id(space)
        return resigned(self.entry, device.sign(wire.signed_text(at, entry_id)))

    def code(self, entry: bytes, attachments=()) -> str:
        refused = self.refused(lambda: self.append(self.client, entry, attachments))
        self.assertEqual(len(self.relay.nonce), 24)
        return refused.code

    def assert_all(self, code: str, entries: dict[str, bytes]):
        for what, entry in entries.items():
            with self.subTest(what):
                self.assertEqual(self.code(entry), code)
        # None of them took the place of the good one.
        self.assertEqual(self.append(self.client, self.entry), [3])
        self.read(self.therapist)
        self.assertEqual(self.therapist.said, [(0, b"a note")])

    def test_signatures(self):
        elsewhere = Device("Mila", CLIENT)
        stranger = Device("Eve", CLIENT)
        good = self.entry[-wire.SIGNATURE :]
        head, body = self.entry[: wire.HEADER], self.entry[wire.HEADER :]
        unknown = head[:2] + b"\0\x09" + head[4:] + body
        self.append(elsewhere, *elsewhere.found(self.process.address, self.process.key))
        self.read(elsewhere)
        self.assert_all(
            "not_found",
            {
                "a bit of R": resigned(self.entry, flipped(good, 0)),
                "a bit of s": resigned(self.entry, flipped(good, 40)),
                "s + L": resigned(self.entry, malleable(good)),
                "good under keys of small order": resigned(self.entry, UNIVERSAL),
                "zeros": resigned(self.entry, bytes(64)),
                "another member's": self.signed_by(self.therapist, self.client.space, self.at),
                "a stranger's": self.signed_by(stranger, self.client.space, self.at),
                "made for another space": self.signed_by(self.client, elsewhere.space, self.at),
                "made for another height": self.signed_by(
                    self.client, self.client.space, self.client.state.ids[0]
                ),
                "a member that there is none of": unknown,
                "an entry of another space": elsewhere.batch(b"a note"),
                "longer, up to the next size": self.entry + bytes(16),
            },
        )

    def test_an_entry_that_is_there_is_not_had_with_another_signature(self):
        self.append(self.client, self.entry)
        good = self.entry[-wire.SIGNATURE :]
        for signature in (malleable(good), flipped(good, 1), UNIVERSAL):
            # Their ids are the same: the signature is no part of it.
            self.assertEqual(self.code(resigned(self.entry, signature)), "not_found")

    def test_forms(self):
        entry = self.entry
        self.assertEqual(self.code(b"\x02" + entry[1:]), "unsupported")
        self.assertEqual(self.code(entry[:1] + b"\x09" + entry[2:]), "unsupported")
        self.assertEqual(self.code(entry + bytes(300_000)), "too_large")
        self.assert_all(
            "bad_request",
            {
                "nothing": b"",
                "cut": entry[:-1],
                "trailing bytes": entry + b"\0",
                "less than an entry": entry[:115],
            },
        )

    def test_bytes_behind_a_request(self):
        body = cbor.encode(self.client.request([self.entry]))
        for wrong in (body + b"\0", body + body, body[:-1], b""):
            refused = self.refused(lambda: self.relay.post_bytes(APPEND, wrong, "append_answer"))
            self.assertEqual(refused.code, "bad_request")
        self.assertEqual(self.append(self.client, self.entry), [3])

    def test_counters(self):
        skipped = self.client.batch(b"two")
        self.assertEqual(self.code(skipped), "counter")
        self.append(self.client, self.entry)
        self.client.counter = 2
        again = self.client.batch(b"other bytes under a counter that is used")
        self.assertEqual(self.code(again), "counter")

    def test_rights(self):
        reader = Device("Noa", THERAPIST)
        self.client.counter -= 1
        self.let_in(reader, membership.READ)
        self.assertEqual(self.code(reader.batch(b"may I?")), "forbidden")

    def test_attachments(self):
        self.client.counter -= 1
        entry, attachments = self.client.add(Device("Noa", THERAPIST))
        self.assertEqual(self.code(entry, attachments[:1]), "attachment")
        altered = [attachments[0], flipped(attachments[1], 9)]
        self.assertEqual(self.code(entry, altered), "attachment")
        self.assertEqual(self.code(entry, [*attachments, b"more"]), "attachment")
        self.append(self.client, entry, attachments)

    def test_weak_keys_are_nobodys(self):
        keys = load("entries")["signing_keys"]["refused"]
        self.client.counter -= 1
        tried = 0
        for vector in keys:
            with self.subTest(vector["why"], key=vector["key"]):
                weak = Weak(unhex(vector["key"]))
                # An admin adds it.
                entry, attachments = self.client.add(weak)
                self.client.counter -= 1
                self.assertEqual(self.code(entry, attachments), "forbidden")
                # It founds a space, with a signature that holds for any entry.
                weak = Weak(unhex(vector["key"]))
                while not weak.fits:
                    weak.counter = 0
                    weak.space = wire.ZERO
                    entry, attachments = weak.found(self.process.address, self.process.key)
                holds = wire.verifies(weak.signing_key, weak.text, UNIVERSAL)
                # Of the second names for a key some are of points of large order.
                self.assertTrue(holds or vector["why"] == "not_canonical")
                refused = self.refused(lambda: self.append(weak, entry, attachments))
                self.assertEqual(refused.code, "forbidden" if holds else "not_found")
                tried += holds
        self.assertGreater(tried, 10)

    def test_a_first_entry_founds_no_other_space(self):
        other = Device("Mila", CLIENT)
        entry, attachments = other.found(self.process.address, self.process.key)
        for space in (flipped(other.space, 0), self.client.space):
            request = {0: space, 1: [entry], 2: attachments}
            refused = self.refused(lambda: self.relay.post(APPEND, request, "append_answer"))
            self.assertEqual(refused.code, "not_found")


class Proofs(RelayCase):
    """Nobody reads with what is not their own, or was recorded."""

    def setUp(self):
        super().setUp()
        self.let_in(self.therapist)
        self.good = self.client.proof(self.process.key, self.relay.fresh_nonce())

    def status(self, proof: dict):
        return self.relay.post(STATUS, {0: proof}, "status_answer")

    def test_unknown_spaces_members_and_signatures_are_one_answer(self):
        stranger, elsewhere = Device("Eve", CLIENT), Device("Mila", CLIENT)
        self.append(elsewhere, *elsewhere.found(self.process.address, self.process.key))
        key, nonce = self.process.key, self.good[2]
        stranger.space, stranger.number = self.client.space, 0
        unknown = Device("Eve", CLIENT)
        unknown.space, unknown.number = bytes(32), 0
        other_relay = wire.public_key(bytes(32))
        signature = self.good[3]
        wrong = {
            "a bit of R": {**self.good, 3: flipped(signature, 0)},
            "a bit of s": {**self.good, 3: flipped(signature, 40)},
            "s + L": {**self.good, 3: malleable(signature)},
            "good under keys of small order": {**self.good, 3: UNIVERSAL},
            "zeros": {**self.good, 3: bytes(64)},
            "a stranger's": stranger.proof(key, nonce),
            "another member's number": {**self.therapist.proof(key, nonce), 1: 0},
            "a member that there is none of": {**self.good, 1: 9},
            "an unknown space": unknown.proof(key, nonce),
            "an own space's, shown for another": {**self.good, 0: elsewhere.space},
            "another space's, shown for this": {**elsewhere.proof(key, nonce), 0: self.good[0]},
            "what was shown to another relay": self.client.proof(other_relay, nonce),
            "another nonce than that which was signed": {**self.good, 2: self.later(nonce)},
        }
        answers = set()
        for what, proof in wrong.items():
            with self.subTest(what):
                refused = self.refused(lambda: self.status(proof))
                self.assertEqual(refused.code, "not_found")
                told = {name: said for name, said in refused.refusal.items() if name != 2}
                answers.add(cbor.encode(told))
                asked = {0: proof, 1: self.client.position}
                self.assertEqual(list(self.relay.pull([asked])), [[relay.REFUSED, 0, 2]])
        self.assertEqual(len(answers), 1, "all are told the same")
        self.status(self.good)

    def test_bytes_behind_a_proof(self):
        asked = {0: self.good, 1: self.client.position}
        for path, item in ((STATUS, {0: self.good}), (PULL, {0: [asked]})):
            body = cbor.encode(item)
            for wrong in (body + b"\0", body + body, body[:-1]):
                refused = self.refused(lambda: self.relay.post_bytes(path, wrong, "status_answer"))
                self.assertEqual(refused.code, "bad_request")

    def test_nonces(self):
        other = Process()
        self.addCleanup(other.end)
        connection = other.connect()
        self.addCleanup(connection.close)
        now = int(time.time())
        wrong = {
            "another relay's": connection.fresh_nonce(),
            "ten minutes old": self.given_at(now - 605),
            "of tomorrow": self.given_at(now + 86_400),
            "altered": flipped(self.good[2], 7),
            "zeros": bytes(24),
            "cut": self.good[2][:-1],
            "longer": self.good[2] + b"\0",
        }
        for what, nonce in wrong.items():
            with self.subTest(what):
                proof = self.client.proof(self.process.key, nonce)
                refused = self.refused(lambda: self.status(proof))
                self.assertEqual((refused.code, refused.status), ("nonce", 401))
                asked = {0: proof, 1: self.client.position}
                refused = self.refused(lambda: self.relay.pull([asked]))
                self.assertEqual(refused.code, "nonce")
                # The one that comes with the refusal is good.
                self.status(self.client.proof(self.process.key, self.relay.nonce))
        # That they are refused for their age, and not for how they were made here:
        self.status(self.client.proof(self.process.key, self.given_at(now - 590)))

        for length in (0, 33):
            proof = self.client.proof(self.process.key, bytes(length))
            code = self.refused(lambda: self.status(proof)).code
            self.assertEqual(code, "bad_request" if length else "nonce")

    def given_at(self, instant: int) -> bytes:
        """The nonce that the reference relay gave at an instant: only its own secret makes one."""
        told = instant.to_bytes(8, "big")
        secret = (self.process.data / "relay.secret").read_bytes()
        return told + hmac.digest(secret, b"waymark nonce" + told, "sha256")[:16]

    def later(self, nonce: bytes) -> bytes:
        """Another good nonce: they change by the second."""
        while (later := self.relay.fresh_nonce()) == nonce:
            time.sleep(0.05)
        return later
