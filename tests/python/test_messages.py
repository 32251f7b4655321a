"""What devices and relays send each other."""

from vectors import Case, flipped, load, unhex
from waymark import cbor, messages, wire


class Messages(Case):
    def setUp(self):
        self.vectors = load("messages")

    def all(self):
        append, pull, status = (self.vectors[name] for name in ("append", "pull", "status"))
        yield from (("append_request", message) for message in append["requests"])
        yield "append_answer", append["answer"]
        yield from (("pull_request", message) for message in pull["requests"])
        yield from (("frame", message) for message in pull["frames"])
        yield "status_request", status["request"]
        yield from (("status_answer", message) for message in status["answers"])
        mailbox = self.vectors["mailbox"]
        yield from (("mailbox_request", message) for message in mailbox["requests"])
        yield from (("mailbox_answer", message) for message in mailbox["answers"])
        wake = self.vectors["wake"]
        yield from (("wake_request", message) for message in wake["requests"])
        yield "wake_answer", wake["answer"]
        yield from (("refusal", message) for message in self.vectors["refusals"])

    def test_messages_fit_their_definition(self):
        for kind, vector in self.all():
            data = unhex(vector["bytes"])
            item = cbor.decode(data)
            messages.check(kind, item)
            self.assertEqual(messages.diagnostic(item), vector["diagnostic"])
            self.assertEqual(cbor.encode(item), data)
            with self.assertRaises(cbor.Malformed):
                cbor.decode(data[:-1])
            with self.assertRaises(cbor.Malformed):
                cbor.decode(data + b"\0")

    def test_what_no_mailbox_takes_or_holds(self):
        mailbox = self.vectors["mailbox"]
        for kind in ("request", "answer"):
            for vector in mailbox[f"no_{kind}s"]:
                item = cbor.decode(unhex(vector["bytes"]))
                self.assertEqual(messages.diagnostic(item), vector["diagnostic"])
                with self.assertRaises(AssertionError, msg=vector["what"]):
                    messages.check(f"mailbox_{kind}", item)

    def test_who_is_woken_says_so(self):
        relay = unhex(self.vectors["relay"])
        key = unhex(load("membership")["members"][1]["signing_key"])
        for vector in self.vectors["wake"]["requests"]:
            request = cbor.decode(unhex(vector["bytes"]))
            space, device, nonce, token = request[0], request[1], request[2], request.get(3, b"")
            text = wire.wake_text(relay, nonce, space, device, token)
            self.assertTrue(wire.verifies(key, text, request[4]))
            other = wire.wake_text(relay, nonce, space, device, token + b"\0")
            self.assertFalse(wire.verifies(key, other, request[4]))
        for vector in self.vectors["wake"]["no_requests"]:
            item = cbor.decode(unhex(vector["bytes"]))
            self.assertEqual(messages.diagnostic(item), vector["diagnostic"])
            with self.assertRaises(AssertionError, msg=vector["what"]):
                messages.check("wake_request", item)

    def test_proofs_and_receipts_in_them(self):
        relay = unhex(self.vectors["relay"])
        chain = load("membership")
        key = unhex(chain["members"][1]["signing_key"])
        asked = cbor.decode(unhex(self.vectors["pull"]["requests"][1]["bytes"]))[0][0]
        proof = asked[0]
        text = wire.proof_text(relay, proof[2], proof[0], proof[1])
        self.assertTrue(wire.verifies(key, text, proof[3]))
        self.assertFalse(wire.verifies(key, flipped(text, 14), proof[3]))

        page = cbor.decode(unhex(self.vectors["pull"]["frames"][4]["bytes"]))
        receipt = page[2]
        seq, tag = receipt[1]
        self.assertEqual(tag.hex(), chain["entries"][seq - 1]["chain"][:32])
        text = wire.receipt_text(unhex(chain["space"]), receipt[0], seq, tag)
        self.assertTrue(wire.verifies(relay, text, receipt[2]))

    def test_codes(self):
        self.assertEqual(
            [(code["number"], code["name"], code["status"]) for code in self.vectors["codes"]],
            messages.CODES,
        )
