"""The membership chain and its rules, in the order of docs/protocol.md; what members open; cards."""

from dataclasses import dataclass, replace
from hashlib import sha256, sha512

from . import cbor
from .sealing import check_agreement_key, epoch_info, open_entry, open_epoch_key, open_roster
from .wire import (
    ACK,
    BATCH,
    CARRY,
    CHECKPOINT,
    MEMBERSHIP,
    SNAPSHOT,
    TAG,
    ZERO,
    Entry,
    Refused,
    check_signing_key,
    is_padded,
    unpad,
    verifies,
)

READ, WRITE, ADMIN, RECOVERY = 1, 3, 7, 15
LASTING = 8
LIMIT = 64 * 1024
COMMITMENT = 32
MEMBERS = 256


@dataclass(frozen=True)
class Add:
    device: int
    person: bytes
    signing_key: bytes
    suite: int
    agreement_key: bytes
    rights: int


@dataclass(frozen=True)
class Remove:
    device: int


@dataclass(frozen=True)
class Rotate:
    suite: int | None = None
    agreement_key: bytes | None = None


@dataclass(frozen=True)
class Seal:
    device: int


@dataclass(frozen=True)
class Leave:
    pass


@dataclass(frozen=True)
class Close:
    successor: bytes | None = None


@dataclass(frozen=True)
class Forget:
    pass


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
    until: int | None = None

    def signs_at(self, height: int) -> bool:
        return self.since <= height and (self.until is None or self.until > height)

    def has(self, rights: int) -> bool:
        return self.rights & rights == rights


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
    match _number(op[0], 8), op[1:]:
        case 1, [device, person, signing_key, suite, agreement_key, rights]:
            return Add(
                _number(device, 16),
                _bytes(person, 16),
                _bytes(signing_key, 32),
                _number(suite, 8),
                _bytes(agreement_key, 32),
                _number(rights, 8),
            )
        case 2, [device]:
            return Remove(_number(device, 16))
        case 3, []:
            return Rotate()
        case 3, [suite, agreement_key]:
            return Rotate(_number(suite, 8), _bytes(agreement_key, 32))
        case 4, [device]:
            return Seal(_number(device, 16))
        case 5, []:
            return Leave()
        case 6, []:
            return Close()
        case 6, [successor]:
            return Close(_bytes(successor, 32))
        case 7, []:
            return Forget()
        case 1 | 2 | 3 | 4 | 5 | 6 | 7, _:
            raise Refused("body")
        case number, _:
            return number


def _bytes(value, length: int) -> bytes:
    if not isinstance(value, bytes) or len(value) != length:
        raise Refused("body")
    return value


def _number(value, bits: int) -> int:
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise Refused("body")
    return value


class Membership:
    """Who is in a space after some entry, and who ever was."""

    def __init__(self, entry: Entry):
        """The membership that a first entry founds."""
        self.ids: list[bytes] = []
        self.everybody: list[Member] = []
        self.epoch_starts = [0]
        self.cuts: list[int] = []
        self.rotation_due = self.closed = False
        self.successor: bytes | None = None
        entry_id = entry.id(ZERO)
        self.space = entry_id
        core = self._core(entry)
        if core.previous != ZERO or entry.height or entry.counter or entry.seen_seq:
            raise Refused("moved")
        first = core.ops[0]
        if not isinstance(first, Add):
            raise Refused("unsupported")
        if entry.device != 0 or not entry.is_signed_by(first.signing_key, ZERO, entry_id):
            raise Refused("signer")
        founder = Member(0, first.person, first.signing_key, b"", first.rights, 0)
        self._take(_Weighing(self, core, founder), entry_id)

    @property
    def members(self) -> list[Member]:
        return [member for member in self.everybody if member.until is None]

    @property
    def epoch_start(self) -> int:
        return self.epoch_starts[-1]

    def epoch_start_at(self, height: int) -> int:
        return max(start for start in self.epoch_starts if start <= height)

    def apply(self, entry: Entry) -> None:
        core = self._core(entry)
        entry_id = entry.id(self.space)
        signer = self.signer(entry, entry_id)
        if entry.height != len(self.ids) - 1 or core.previous != self.ids[-1]:
            raise Refused("moved")
        self._take(_Weighing(self, core, signer), entry_id)

    def admit(self, entry: Entry) -> None:
        """Whether an entry that changes no membership counts here."""
        if entry.kind not in (ACK, BATCH, CARRY, CHECKPOINT, SNAPSHOT):
            raise Refused("kind")
        signer = self.signer(entry, entry.id(self.space))
        if self.closed:
            raise Refused("closed")
        if self.rotation_due or not self.epoch_start <= entry.height < len(self.ids):
            raise Refused("stale")
        if entry.kind != ACK and not signer.has(WRITE):
            raise Refused("rights")

    def signer(self, entry: Entry, entry_id: bytes) -> Member:
        if entry.height >= len(self.ids):
            raise Refused("stale")
        if entry.device >= len(self.everybody):
            raise Refused("signer")
        member = self.everybody[entry.device]
        at = self.ids[entry.height]
        if not member.signs_at(entry.height):
            raise Refused("signer")
        if not entry.is_signed_by(member.signing_key, at, entry_id):
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

    def _take(self, change: "_Weighing", entry_id: bytes) -> None:
        """Does what has been weighed; an entry that is refused never comes here."""
        height = len(self.ids)
        self.ids.append(entry_id)
        for device in change.ended:
            self.everybody[device] = replace(self.everybody[device], until=height)
        if change.agreement_key is not None:
            device = change.signer.device
            key = change.agreement_key
            self.everybody[device] = replace(self.everybody[device], agreement_key=key)
        self.everybody += change.added
        if change.rotates:
            self.epoch_starts.append(height)
        if change.forgets:
            self.cuts.append(height)
        if change.close is not None:
            self.closed, self.successor = True, change.close.successor
        exposed = change.leaves or change.signer.device in change.ended
        self.rotation_due = not (change.rotates or self.closed) and (self.rotation_due or exposed)


class _Weighing:
    """One entry held against the rules, in their order."""

    def __init__(self, before: Membership, core: Core, signer: Member):
        self.before, self.core, self.signer = before, core, signer
        self.ended: list[int] = []
        self.added: list[Member] = []
        self.sealed: list[int] = []
        self.rotates = self.leaves = self.forgets = False
        self.agreement_key: bytes | None = None
        self.close: Close | None = None
        self.founds = not before.everybody

        if before.closed:
            raise Refused("closed")
        mends = (Rotate, Leave, Close)
        if before.rotation_due and not any(isinstance(op, mends) for op in core.ops):
            raise Refused("rotation_due")
        for op in core.ops:
            self._weigh(op)
        self._conclude()

    def _weigh(self, op) -> None:
        if self.founds and not isinstance(op, Add):
            raise Refused("unsupported")
        match op:
            case Add():
                self._add(op)
            case Remove(device):
                member = self._staying(device)
                own = member.person == self.signer.person and self.signer.has(member.rights)
                may = not member.rights & LASTING and (own or self.signer.has(ADMIN))
                self._need(may or device == self.signer.device, "rights")
                self.ended.append(device)
            case Rotate(suite, agreement_key):
                self._need(self.signer.has(WRITE), "rights")
                self._need(not self.rotates and not self.sealed, "together")
                self._need(suite in (None, 1), "unsupported")
                self.rotates, self.agreement_key = True, agreement_key
            case Seal(device):
                self._need(self.signer.has(WRITE), "rights")
                self._need(not self.rotates and device not in self.sealed, "together")
                self._staying(device)
                self.sealed.append(device)
            case Leave():
                self._need(len(self.core.ops) == 1, "together")
                for member in self.before.members:
                    if member.person == self.signer.person:
                        others = member.rights & LASTING and member.device != self.signer.device
                        self._need(not others, "rights")
                        self.ended.append(member.device)
                self.leaves = True
            case Close():
                self._need(len(self.core.ops) == 1, "together")
                lasting = [m.device for m in self.before.members if m.rights & LASTING]
                may = not lasting or lasting == [self.signer.device]
                self._need(self.signer.has(ADMIN) and may, "rights")
                self.close = op
            case Forget():
                self._need(self.signer.has(ADMIN), "rights")
                self._need(not self.forgets, "together")
                self.forgets = True
            case _:
                raise Refused("unsupported")

    def _add(self, op: Add) -> None:
        number = len(self.before.everybody) + len(self.added)
        self._need(number < 1 << 16, "too_many")
        self._need(op.device == number, "device_number")
        try:
            check_signing_key(op.signing_key)
        except Refused as error:
            raise Refused(f"key_{error}") from error
        ever = [*self.before.everybody, *self.added]
        self._need(all(member.signing_key != op.signing_key for member in ever), "key_used")
        self._need(op.rights in (READ, WRITE, ADMIN, RECOVERY), "unsupported")
        self._need(op.suite == 1, "unsupported")
        own = op.person == self.signer.person
        may = self.signer.has(ADMIN) or own and self.signer.has(op.rights & ~LASTING)
        self._need(may and (own or not op.rights & LASTING), "rights")
        since = len(self.before.ids)
        self.added.append(
            Member(number, op.person, op.signing_key, op.agreement_key, op.rights, since)
        )

    def _conclude(self) -> None:
        gone = set(self.ended)
        self._need(not gone & set(self.sealed), "not_member")
        if not self.leaves:
            self._need(self.rotates or not gone - {self.signer.device}, "rotation")
            self._need(not self.rotates or self.signer.device not in gone, "rotation")
        self._need(self.rotates or not self.forgets, "rotation")
        staying = [member for member in self.before.members if member.device not in gone]
        after = [*staying, *self.added]
        self._need(sum(1 for member in after if member.rights & LASTING) <= 1, "rights")
        if not self.founds and self.close is None:
            self._need(any(member.has(ADMIN) for member in after), "last_admin")
        self._need(len(after) <= MEMBERS, "too_many")
        if self.rotates:
            needed = [member.device for member in after]
        else:
            needed = sorted(self.sealed) + [member.device for member in self.added]
        self._need([device for device, _ in self.core.keys] == needed, "keys")
        self._need(not self.founds or self.signer.has(ADMIN), "rights")

    def _staying(self, device: int) -> Member:
        """A member whom this entry has not removed so far, and did not add."""
        for member in self.before.members:
            if member.device == device and device not in self.ended:
                return member
        raise Refused("not_member")

    @staticmethod
    def _need(holds: bool, otherwise: str) -> None:
        if not holds:
            raise Refused(otherwise)


# --- What only members open ---


def open_private(epoch_key: bytes, space: bytes, height: int, entry: Entry) -> dict:
    """The private part of the membership entry of a height."""
    core, _, private = parse_body(entry.body)
    bound = ZERO if height == 0 else space
    padded = open_roster(epoch_key, bound, core.previous, entry.header, private)
    return cbor.decode(unpad(padded))


def take_key(seed: bytes, state: Membership, height: int, entry: Entry, device: int, attachments):
    """The epoch key that an entry hands to a member, with the height at which its epoch starts."""
    core = parse_body(entry.body)[0]
    start = state.epoch_start_at(height)
    bound = ZERO if height == 0 else state.space
    epoch = None if start == height else state.ids[start]
    info = epoch_info(bound, core.previous, epoch, device)
    sealed = dict(core.keys)[device]
    [found] = [data for data in attachments if attachment_hash(data) == sealed]
    return start, open_epoch_key(seed, info, found)


def open_forgotten(before: bytes, space: bytes, entry: Entry, sealed: bytes) -> dict:
    """What an entry says is forgotten, by the key of the epoch before."""
    core = parse_body(entry.body)[0]
    return cbor.decode(open_entry(before, space, core.previous, entry.header, sealed))


def earlier_keys(start: int, key: bytes, state: Membership, entries: list[Entry]):
    """All epoch keys up to one, by the links in the private parts: starts and keys, newest first.
    No link leads to what was before something was forgotten."""
    yield start, key
    while start > 0 and start not in state.cuts:
        key = open_private(key, state.space, start, entries[start])[3]
        start = state.epoch_start_at(start - 1)
        yield start, key


def safety_number(space: bytes, head: bytes) -> str:
    digest = sha512(b"waymark/1 safety number" + space + head).digest()
    groups = [int.from_bytes(digest[at : at + 5], "big") for at in range(0, 60, 5)]
    return " ".join(f"{group % 100_000:05}" for group in groups)


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
