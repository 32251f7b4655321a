"""A device in one space: what it signs and seals, and what it holds a relay's answers to."""

import secrets
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from . import automerge, cbor, gate, membership, relay, sealing, wire
from .membership import ADMIN, WRITE
from .wire import ZERO

CARE = 2
CLIENT, THERAPIST = 0, 1
PLAN = 1
TODAY = 20_000


def agreement_key_of(data: bytes) -> MLKEM768X25519PublicKey:
    sealing.check_agreement_key(data)
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(data[:-32]),
        X25519PublicKey.from_public_bytes(data[-32:]),
    )


class Device:
    """One membership with its keys, its place in the log and what it has read."""

    def __init__(self, name: str, role: int):
        self.name, self.role, self.person = name, role, secrets.token_bytes(16)
        self.signing_seed = secrets.token_bytes(32)
        self.signing_key = wire.public_key(self.signing_seed)
        self.agreement_seed = secrets.token_bytes(32)
        self.number: int | None = None
        self.space = ZERO
        self.counter = 0
        self.sent: dict[bytes, bytes] = {}
        self.own_changes: list[bytes] = []
        self.forget_log()

    def forget_log(self) -> None:
        """Begins to read anew."""
        self.state: membership.Membership | None = None
        self.changes: list[wire.Entry] = []
        self.log: list[bytes] = []
        self.counters: dict[int, int] = {}
        self.epochs: dict[int, bytes] = {}
        self.keys: dict[bytes, bytes] = {}
        self.chain = wire.chain_start(self.space)
        self.generation: bytes | None = None
        self.arrived: list[bytes] = []
        self.said: list[tuple[int, bytes]] = []

    @property
    def agreement_key(self) -> bytes:
        return sealing.agreement_key_pair(self.agreement_seed)[1]

    @property
    def position(self) -> list:
        return [len(self.log), self.chain[:16]]

    # --- What it sends ---

    def found(self, relay_address: str, relay_key: bytes) -> tuple[bytes, list[bytes]]:
        """The first entry of a space of its own, and the attachments."""
        self.number, self.epoch_key = 0, secrets.token_bytes(32)
        add = self._addition(self, 0, ADMIN)
        sealed = self._seal_epoch_key(ZERO, ZERO, None, 0, self.agreement_key)
        core = {0: ZERO, 1: [add], 2: [[0, sha256(sealed).digest()]]}
        roster = {
            0: [self._told(self, 0)],
            1: CARE,
            2: {0: f"http://{relay_address}", 1: relay_key},
        }
        raw = self.membership_entry(core, roster)
        self.space = wire.parse_entry(raw).id(ZERO)
        self.chain = wire.chain_start(self.space)
        self._will_send(raw, self.space)
        self.found_with = [self.agreement_key, sealed]
        return raw, self.found_with

    def add(self, other: "Device", rights: int = WRITE) -> tuple[bytes, list[bytes]]:
        """An entry that lets another device in, whose place and number it gets here."""
        number = len(self.state.everybody)
        start = self.state.epoch_start
        previous = self.state.ids[-1]
        epoch = self.state.ids[start]
        self.epoch_key = self.epochs[start]
        sealed = self._seal_epoch_key(self.space, previous, epoch, number, other.agreement_key)
        core = {
            0: previous,
            1: [self._addition(other, number, rights)],
            2: [[number, sha256(sealed).digest()]],
        }
        raw = self.membership_entry(core, {0: [self._told(other, number)]})
        other.number, other.space = number, self.space
        other.forget_log()
        self._will_send(raw)
        return raw, [other.agreement_key, sealed]

    def remove(self, number: int) -> tuple[bytes, list[bytes]]:
        """An entry that ends a membership and begins an epoch under a new key."""
        previous = self.state.ids[-1]
        before = self.epochs[self.state.epoch_start]
        self.epoch_key = secrets.token_bytes(32)
        seed = secrets.token_bytes(32)
        own_key = sealing.agreement_key_pair(seed)[1]
        stays = [member for member in self.state.members if member.device != number]
        sealed = []
        for member in stays:
            key = own_key if member.device == self.number else self.keys[member.agreement_key]
            sealed.append(
                self._seal_epoch_key(self.space, previous, None, member.device, key)
            )
        names = [[m.device, sha256(s).digest()] for m, s in zip(stays, sealed)]
        core = {
            0: previous,
            1: [[2, number], [3, 1, sha256(own_key).digest()]],
            2: names,
        }
        raw = self.membership_entry(core, {0: [], 1: CARE, 3: before})
        self.agreement_seed = seed
        self._will_send(raw)
        return raw, [own_key, *sealed]

    def membership_entry(self, core: dict, roster: dict) -> bytes:
        public = cbor.encode(core)
        header = self._header(wire.MEMBERSHIP)
        padded = wire.pad(cbor.encode(roster))
        private = sealing.seal_roster(self.epoch_key, self.space, core[0], header, padded)
        return self._signed(header, len(public).to_bytes(4, "big") + public + private, core[0])

    def batch(self, record: bytes) -> bytes:
        """An entry that puts a record into the plan."""
        previous = self.own_changes[-1] if self.own_changes else None
        number = len(self.own_changes) + 1
        change = gate.Change(self.actor, [], [gate.Record(record)], number, number, previous)
        digest = automerge.rebuild(change)[1]
        self.own_changes.append(digest)
        unsigned = automerge.unsigned
        section = unsigned(PLAN) + unsigned(0) + unsigned(number) + unsigned(1)
        section += b"\0" + unsigned(len(record)) + record + digest[:8]
        raw = self.sealed_entry(wire.BATCH, b"\0" + section)
        self._will_send(raw)
        return raw

    def sealed_entry(self, kind: int, text: bytes) -> bytes:
        header, at = self._header(kind), self.state.ids[-1]
        key = self.epochs[self.state.epoch_start]
        body = sealing.seal(key, self.space, at, header, wire.pad(text))
        return self._signed(header, body, at)

    def request(self, entries: list[bytes], attachments: list[bytes] = ()) -> dict:
        request = {0: self.space, 1: entries}
        return {**request, 2: list(attachments)} if attachments else request

    def proof(self, relay_key: bytes, nonce: bytes) -> dict:
        text = wire.proof_text(relay_key, nonce, self.space, self.number)
        return {0: self.space, 1: self.number, 2: nonce, 3: self.sign(text)}

    def asks(self, relay_key: bytes, nonce: bytes, **more) -> dict:
        """What it sends to read on from where it is."""
        optional = {"earlier": 2, "whole": 3, "from_checkpoint": 4, "ids": 5}
        asked = {0: self.proof(relay_key, nonce), 1: self.position}
        return asked | {optional[name]: value for name, value in more.items()}

    def sign(self, text: bytes) -> bytes:
        return wire.sign(self.signing_seed, text)

    # --- What it reads ---

    def take(self, frame: list, relay_key: bytes) -> None:
        """Holds one frame of its space to what came before."""
        match frame:
            case [relay.ATTACHMENT, _, data]:
                self.arrived.append(data)
            case [relay.ENTRY, _, seq, raw]:
                self._take_entry(seq, raw)
            case [relay.OWN, _, seq, entry_id, length]:
                raw = self.sent[entry_id]
                assert len(raw) == length
                self._take_entry(seq, raw)
            case [relay.PAGE, _, receipt, head]:
                self._check_receipt(receipt, relay_key)
                assert head >= len(self.log)
            case _:
                raise AssertionError(f"frame {frame[0]}")

    def check_receipt(self, receipt: dict, relay_key: bytes) -> None:
        """Whether the relay signed it for this very log, to which it may be ahead."""
        seq, tag = receipt[1]
        text = wire.receipt_text(self.space, receipt[0], seq, tag)
        assert wire.verifies(relay_key, text, receipt[2]), "a receipt of nobody's"

    @property
    def actor(self) -> bytes:
        return membership.actor(self.space, self.signing_key)

    def _check_receipt(self, receipt: dict, relay_key: bytes) -> None:
        self.check_receipt(receipt, relay_key)
        assert receipt[1] == self.position, "another log than the one that came"
        assert self.generation in (None, receipt[0]), "another history"
        self.generation = receipt[0]

    def _take_entry(self, seq: int, raw: bytes) -> None:
        assert seq == len(self.log) + 1, f"{seq} behind {len(self.log)}"
        entry = wire.parse_entry(raw)
        is_first = seq == 1
        entry_id = entry.id(ZERO if is_first else self.space)
        if entry.kind == wire.MEMBERSHIP:
            self._take_change(entry, entry_id, is_first)
        else:
            self.state.admit(entry)
        expected = self.counters.get(entry.device, 0)
        assert entry.counter == expected, f"counter {entry.counter} where {expected} is next"
        self.counters[entry.device] = expected + 1
        self.chain = wire.chain_next(self.chain, seq, entry_id)
        self.log.append(entry_id)
        if entry.kind == wire.BATCH:
            self.said += self._open(entry)

    def _take_change(self, entry: wire.Entry, entry_id: bytes, is_first: bool) -> None:
        if is_first:
            assert entry_id == self.space
            self.state = membership.Membership(entry)
        else:
            self.state.apply(entry)
        height = len(self.changes)
        self.changes.append(entry)
        arrived = {sha256(data).digest(): data for data in self.arrived}
        self.keys |= arrived
        self.arrived = []
        core = membership.parse_body(entry.body)[0]
        mine = [name for device, name in core.keys if device == self.number]
        if mine:
            start, key = membership.take_key(
                self.agreement_seed, self.state, height, entry, self.number, [arrived[mine[0]]]
            )
            told = membership.earlier_keys(start, key, self.state, self.changes)
            self.epochs |= dict(told)

    def _open(self, entry: wire.Entry) -> list[tuple[int, bytes]]:
        key = self.epochs[self.state.epoch_start_at(entry.height)]
        at = self.state.ids[entry.height]
        text = wire.unpad(sealing.open_entry(key, self.space, at, entry.header, entry.body))
        author = membership.actor(self.space, self.state.everybody[entry.device].signing_key)
        sections = gate.decode_batch(author, text)
        return [
            (entry.device, op.data)
            for section in sections
            for change in section.changes
            for op in change.ops
        ]

    # --- Parts of entries ---

    def _header(self, kind: int) -> bytes:
        height = max(len(self.changes) - 1, 0)
        seen, chain = self.position
        salt = secrets.token_bytes(16)
        return wire.header_bytes(kind, self.number, self.counter, height, seen, chain, salt)

    def _signed(self, header: bytes, body: bytes, at: bytes) -> bytes:
        entry_id = sha256(self.space + header + body).digest()
        return header + body + self.sign(wire.signed_text(at, entry_id))

    def _will_send(self, raw: bytes, entry_id: bytes | None = None) -> None:
        self.sent[entry_id or wire.parse_entry(raw).id(self.space)] = raw
        self.counter += 1

    def _seal_epoch_key(self, space, previous, epoch, number: int, agreement_key: bytes) -> bytes:
        info = sealing.epoch_info(space, previous, epoch, number)
        return sealing.SUITE.encrypt(self.epoch_key, agreement_key_of(agreement_key), info=info)

    @staticmethod
    def _addition(of: "Device", number: int, rights: int) -> list:
        key = sha256(of.agreement_key).digest()
        return [1, number, of.person, of.signing_key, 1, key, rights]

    @staticmethod
    def _told(of: "Device", number: int) -> dict:
        return {0: number, 1: of.name, 2: of.role, 3: "phone", 4: 1, 5: TODAY}
