"""A second implementation of a device, from docs/protocol.md alone, against the real relay."""

import tempfile
import unittest

from process import Process
from waymark import membership, relay, wire
from waymark.device import CLIENT, THERAPIST, Device
from waymark.relay import APPEND, MAILBOX, STATUS, Answered


class RelayCase(unittest.TestCase):
    """A relay with a client's space, in which there is a therapist."""

    @classmethod
    def setUpClass(cls):
        cls.process = Process()

    @classmethod
    def tearDownClass(cls):
        cls.process.check()
        cls.process.end()

    def setUp(self):
        self.relay = self.connect()
        self.client = Device("Mila", CLIENT)
        self.therapist = Device("Ada", THERAPIST)
        self.append(self.client, *self.client.found(self.process.address, self.process.key))
        self.read(self.client)

    def connect(self) -> relay.Relay:
        connection = self.process.connect()
        self.addCleanup(connection.close)
        return connection

    def append(self, device: Device, entry: bytes, attachments=()) -> list[int]:
        """Appends one entry that has to be taken."""
        request = device.request([entry], attachments)
        answer = self.relay.post(APPEND, request, "append_answer")
        device.check_receipt(answer[1], self.process.key)
        return answer[0]

    def read(self, device: Device, **more) -> list:
        """Reads on to the log's end, verifies everything, and gives the frames."""
        asked = device.asks(self.process.key, self.relay.fresh_nonce(), **more)
        frames = list(self.relay.pull([asked]))
        for frame in frames:
            self.assertEqual(frame[1], 0)
            device.take(frame, self.process.key)
        return frames

    def let_in(self, device: Device, rights: int = membership.WRITE) -> None:
        self.append(self.client, *self.client.add(device, rights))
        self.read(self.client)
        self.read(device)

    def refused(self, work) -> Answered:
        with self.assertRaises(Answered) as caught:
            work()
        return caught.exception


class Relays(RelayCase):
    """What two devices say to each other over the relay."""

    def test_two_devices_read_what_they_write(self):
        self.let_in(self.therapist)
        self.append(self.client, self.client.batch(b"to walk each day"))
        self.append(self.therapist, self.therapist.batch(b"and what after?"))
        frames = self.read(self.client)
        self.assertIn(relay.OWN, [frame[0] for frame in frames])
        self.read(self.therapist)
        said = [(0, b"to walk each day"), (1, b"and what after?")]
        self.assertEqual(self.client.said, said)
        self.assertEqual(self.therapist.said, said)
        self.assertEqual(self.client.position, self.therapist.position)

        # From the start once more: own entries come as stubs, or whole where that is asked for.
        for more in ({}, {"whole": True}):
            self.client.forget_log()
            frames = self.read(self.client, **more)
            kinds = [frame[0] for frame in frames]
            self.assertEqual(relay.OWN in kinds, not more)
            self.assertEqual(self.client.said, said)

    def test_an_entry_comes_again_with_the_place_that_it_has(self):
        entry = self.client.batch(b"once")
        self.assertEqual(self.append(self.client, entry), [2])
        self.assertEqual(self.append(self.client, entry), [2])
        self.read(self.client)
        self.assertEqual(len(self.client.log), 2)

    def test_a_live_answer_brings_what_others_write(self):
        self.let_in(self.therapist)
        watching = self.connect()
        asked = self.client.asks(self.process.key, watching.fresh_nonce())
        frames = watching.pull([asked], live=5)
        self.client.take(next(frames), self.process.key)
        for note in (b"one", b"two", b"three"):
            self.append(self.therapist, self.therapist.batch(note))
            for frame in frames:
                self.client.take(frame, self.process.key)
                if frame[0] == relay.PAGE:
                    break
            self.read(self.therapist)
            self.assertEqual(self.client.said[-1], (1, note))
        heartbeat = next(frames)
        self.assertEqual(heartbeat[0], relay.HEARTBEAT)
        # The nonce that it brings is good.
        proof = self.client.proof(self.process.key, heartbeat[1])
        self.relay.post(STATUS, {0: proof}, "status_answer")

    def test_whoever_is_removed_reads_no_more_and_opens_nothing_later(self):
        self.let_in(self.therapist)
        watching = self.connect()
        asked = self.therapist.asks(self.process.key, watching.fresh_nonce())
        frames = watching.pull([asked], live=30)
        self.therapist.take(next(frames), self.process.key)
        self.append(self.client, *self.client.remove(self.therapist.number))
        self.read(self.client)
        # Not the entry that ended it, and then the answer is over.
        self.assertEqual(list(frames), [[relay.REFUSED, 0, 2]])
        self.append(self.client, self.client.batch(b"alone"))
        self.read(self.client)
        self.assertEqual(self.client.said, [(0, b"alone")])
        self.assertEqual(self.read_codes(self.therapist), [2])
        late = self.refused(lambda: self.append(self.therapist, self.therapist.batch(b"late")))
        self.assertEqual(late.code, "not_found")
        self.assertFalse({4, 5} & set(late.refusal), "nothing of the log")

    def test_a_place_that_is_not_on_the_log(self):
        self.append(self.client, self.client.batch(b"here"))
        self.read(self.client)
        nonce = self.relay.fresh_nonce()
        asked = self.client.asks(self.process.key, nonce)
        good, wrong = asked[1], [2, bytes(16)]
        start = [0, wire.chain_start(self.client.space)[:16]]
        for earlier, agreed in (([wrong, good], good), ([[7, bytes(16)]], start)):
            frames = list(self.relay.pull([{**asked, 1: wrong, 2: earlier}]))
            self.assertEqual(frames, [[relay.REFUSED, 0, 9, agreed]])

    def test_the_loser_of_a_race_gets_the_winners_entry(self):
        (first, attachments) = self.client.add(self.therapist)
        loser, others = self.client.add(Device("Eve", THERAPIST))
        self.append(self.client, first, attachments)
        refused = self.refused(lambda: self.append(self.client, loser, others))
        self.assertEqual(refused.code, "membership_moved")
        self.assertEqual(refused.refusal[5], [first])
        self.assertEqual(refused.refusal[4][0], 2)

    def test_status(self):
        self.append(self.client, self.client.batch(b"a note"))
        self.read(self.client)
        proof = self.client.proof(self.process.key, self.relay.fresh_nonce())
        status = self.relay.post(STATUS, {0: proof}, "status_answer")
        self.client.check_receipt(status[3], self.process.key)
        self.assertEqual(status[3][1], self.client.position)
        kept = sum(map(len, self.client.sent.values()))
        kept += sum(len(data) for data in self.client.found_with)
        self.assertEqual((status[0], status[2]), (kept, 1))

    def test_a_mailbox_passes_a_message_from_one_to_the_other(self):
        box = {0: self.client.signing_key}
        ask = lambda more: self.relay.post(MAILBOX, {**box, **more}, "mailbox_answer")  # noqa: E731
        self.assertEqual(self.refused(lambda: ask({})).code, "not_found")
        self.assertEqual(self.refused(lambda: ask({1: [1, b"an answer"]})).code, "not_found")
        self.assertEqual(ask({1: [0, b"an offer"], 2: 1}), {0: [[0, b"an offer"]]})
        self.assertEqual(ask({1: [0, b"an offer"]}), {0: [[0, b"an offer"]]})
        self.assertEqual(self.refused(lambda: ask({1: [0, b"another"]})).code, "mailbox_taken")
        both = {0: [[0, b"an offer"], [1, b"an answer"]]}
        self.assertEqual(ask({1: [1, b"an answer"]}), both)
        self.assertEqual(ask({}), both)
        self.assertEqual(self.refused(lambda: ask({1: [2, bytes(65_536)]})).code, "too_large")
        self.assertEqual(ask({}), both)

    def test_for_operators(self):
        for path in ("/healthz", "/readyz"):
            answer = self.relay.send(path, b"", "GET")
            self.assertEqual((answer.status, answer.read()), (200, b"ok\n"))

    def read_codes(self, device: Device) -> list[int]:
        asked = device.asks(self.process.key, self.relay.fresh_nonce())
        frames = list(self.relay.pull([asked]))
        self.assertTrue(all(frame[0] == relay.REFUSED for frame in frames), frames)
        return [frame[2] for frame in frames]


class Admission(unittest.TestCase):
    def test_a_space_is_founded_with_the_operators_token_only(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"sesame\n")
            file.flush()
            process = Process("--admission-file", file.name)
            self.addCleanup(process.end)
            connection = process.connect()
            self.addCleanup(connection.close)
            device = Device("Mila", CLIENT)
            entry, attachments = device.found(process.address, process.key)
            request = device.request([entry], attachments)
            for token in ({}, {3: b"sesam"}):
                with self.assertRaises(Answered) as caught:
                    connection.post(APPEND, {**request, **token}, "append_answer")
                self.assertEqual(caught.exception.code, "admission")
            connection.post(APPEND, {**request, 3: b"sesame"}, "append_answer")
