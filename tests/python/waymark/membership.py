"""The membership chain and its rules, in the order of docs/protocol.md; cards and welcomes."""

from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256

from . import cbor
from .sealing import check_agreement_key
from .wire import BATCH, MEMBERSHIP, TAG, ZERO, Entry, Refused, check_signing_key, is_padded, verifies

READ, WRITE, ADMIN = 1, 3, 7
ADD = 1
LIMIT = 64 * 1024
COMMITMENT = 32


@dataclass(frozen=True)
class Add:
    device: int
    person: bytes
    signing_key: bytes
    suite: int
    agreement_key: bytes
    rights: int


@dataclass(frozen=True)
class Core:
    previous: bytes
    ops: list
    keys: list


@dataclass(frozen=True)
class Member:
    device: int
    person: bytes
    signing_key: bytes
    agreement_key: bytes
    rights: int
    since: int


def parse_body(body: bytes) -> tuple[Core, bytes, bytes]:
    """The core, its bytes, and the sealed private part."""
    if len(body) < 4:
        raise Refused("body")
    length = int.from_bytes(body[:4], "big")
    if length > LIMIT or length > len(body) - 4:
        raise Refused("body")
    core, private = body[4 : 4 + length], body[4 + length :]
    padded = len(private) - COMMITMENT - TAG
    if padded < 0 or padded > LIMIT or not is_padded(padded):
        raise Refused("body")
    return parse_core(core), core, private


def parse_core(data: bytes) -> Core:
    try:
        item = cbor.decode(data)
        ops = [parse_op(op) for op in item[1]]
        keys = [(_number(key[0], 16), _bytes(key[1], 32)) for key in item[2]]
        if len(ops) > 512 or len(keys) > 256:
            raise Refused("body")
        return Core(_bytes(item[0], 32), ops, keys)
    except (cbor.Malformed, KeyError, IndexError, TypeError) as error:
        raise Refused("body") from error


def parse_op(op):
    if _number(op[0], 8) != ADD:
        return op[0]
    if len(op) != 7:
        raise Refused("body")
    return Add(
        _number(op[1], 16),
        _bytes(op[2], 16),
        _bytes(op[3], 32),
        _number(op[4], 8),
        _bytes(op[5], 32),
        _number(op[6], 8),
    )


def _bytes(value, length: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != length:
        raise Refused("body")
    return value


def _number(value, bits: int) -> int:
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise Refused("body")
    return value


class Membership:
    """Who is in a space after some entry."""

    def __init__(self, entry: Entry):
        """The membership that a first entry founds."""
        self.ids: list[bytes] = []
        self.members: list[Member] = []
        self.epoch_start = 0
        entry_id = entry.id(ZERO)
        self.space = entry_id
        core = self._core(entry)
        if core.previous != ZERO or entry.height or entry.counter or entry.seen_seq:
            raise Refused("moved")
        if not isinstance(core.ops[0], Add):
            raise Refused("unsupported")
        key = core.ops[0].signing_key
        if entry.device != 0 or not entry.is_signed_by(key, ZERO, entry_id):
            raise Refused("signer")
        self._add(core, None, 0)
        if self.members[0].rights != ADMIN:
            raise Refused("rights")
        self.ids.append(entry_id)

    def apply(self, entry: Entry) -> None:
        core = self._core(entry)
        entry_id = entry.id(self.space)
        signer = self.signer(entry, entry_id)
        if entry.height != len(self.ids) - 1 or core.previous != self.ids[-1]:
            raise Refused("moved")
        after = deepcopy(self)
        after._add(core, signer, len(self.ids))
        self.members = after.members
        self.ids.append(entry_id)

    def admit(self, entry: Entry) -> None:
        """Whether an entry that changes no membership counts here."""
        if entry.kind != BATCH:
            raise Refused("kind")
        signer = self.signer(entry, entry.id(self.space))
        if not self.epoch_start <= entry.height < len(self.ids):
            raise Refused("stale")
        if signer.rights & WRITE != WRITE:
            raise Refused("rights")

    def signer(self, entry: Entry, entry_id: bytes) -> Member:
        if entry.height >= len(self.ids):
            raise Refused("stale")
        if entry.device >= len(self.members):
            raise Refused("signer")
        member = self.members[entry.device]
        at = self.ids[entry.height]
        if member.since > entry.height or not entry.is_signed_by(member.signing_key, at, entry_id):
            raise Refused("signer")
        return member

    @staticmethod
    def _core(entry: Entry) -> Core:
        if entry.kind != MEMBERSHIP:
            raise Refused("kind")
        core = parse_body(entry.body)[0]
        if not core.ops:
            raise Refused("empty")
        return core

    def _add(self, core: Core, signer: Member | None, since: int) -> None:
        added = []
        for op in core.ops:
            if not isinstance(op, Add):
                raise Refused("unsupported")
            number = len(self.members)
            if number == 256:
                raise Refused("too_many")
            if op.device != number:
                raise Refused("device_number")
            try:
                check_signing_key(op.signing_key)
            except Refused as error:
                raise Refused(f"key_{error}") from error
            if any(member.signing_key == op.signing_key for member in self.members):
                raise Refused("key_used")
            if op.rights not in (READ, WRITE, ADMIN):
                raise Refused("unsupported")
            if op.suite != 1:
                raise Refused("unsupported")
            if signer is not None and signer.rights != ADMIN:
                if op.person != signer.person or signer.rights & op.rights != op.rights:
                    raise Refused("rights")
            self.members.append(
                Member(number, op.person, op.signing_key, op.agreement_key, op.rights, since)
            )
            added.append(number)
        if [device for device, _ in core.keys] != added:
            raise Refused("keys")


# --- Cards and welcomes ---


def parse_card(data: bytes) -> dict:
    try:
        if len(data) > 16 * 1024:
            raise Refused("codec")
        signed = cbor.decode(data)
        body, signatures = signed[0], signed[1]
        card = cbor.decode(body)
        name, device_name, level, sets = card[0], card[1], card[2], card[3]
        if not 1 <= len(name) <= 100 or not 1 <= len(device_name) <= 100:
            raise Refused("field")
        if not 1 <= len(sets) <= 8:
            raise Refused("field")
        if len(signatures) != len(sets):
            raise Refused("signature")
        for key_set, signature in zip(sets, signatures):
            check_signing_key(key_set[0])
            if key_set[1] != 1:
                raise Refused("suite")
            check_agreement_key(key_set[2])
            if not verifies(key_set[0], b"waymark/1 card" + body, signature):
                raise Refused("signature")
    except (cbor.Malformed, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Refused("codec") from error
    return {"name": name, "device_name": device_name, "level": level, "keys": sets}


def attachment_hash(data: bytes) -> bytes:
    return sha256(data).digest()


def actor(space: bytes, signing_key: bytes) -> bytes:
    return sha256(b"waymark/1 actor" + space + signing_key).digest()[:16]
