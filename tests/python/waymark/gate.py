"""The codec of batches."""

import zlib
from dataclasses import dataclass, field
from hashlib import sha256

from .wire import Refused

KIB = 1024
BATCH, UNPACKED, FACTOR = 256 * KIB, 4 * 1024 * KIB, 16
CHANGES, CHANGE, OPERATIONS, RECORD, OTHERS = 4_096, 128 * KIB, 128 * KIB, 64 * KIB, 255
COUNTER = 2**31 - 1


@dataclass(frozen=True, order=True)
class OpId:
    counter: int
    actor: bytes


@dataclass(frozen=True)
class Record:
    data: bytes


@dataclass(frozen=True)
class MakeText:
    id: bytes


@dataclass(frozen=True)
class Insert:
    text: OpId
    after: OpId | None
    chars: str


@dataclass(frozen=True)
class Delete:
    text: OpId
    first: OpId
    count: int


@dataclass
class Change:
    actor: bytes
    others: list
    ops: list
    seq: int = 0
    start_op: int = 0
    previous: bytes | None = None

    def operations(self) -> int:
        return sum(length(op) for op in self.ops)


@dataclass
class Section:
    kind: int
    part: int
    first: int
    changes: list
    check: bytes
    raw: bytes = field(repr=False)


def record_id(data: bytes) -> bytes:
    return sha256(data).digest()[:16]


def length(op) -> int:
    match op:
        case Insert():
            return len(op.chars)
        case Delete():
            return op.count
        case _:
            return 1


# --- Reading ---


class Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Refused("malformed")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """Unsigned LEB128 of at most 32 bits, in the shortest form."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if (byte == 0 and shift > 0) or value >= 1 << 32:
                    break
                return value
        raise Refused("malformed")

    def length(self, most: int) -> int:
        value = self.number()
        if value > most:
            raise Refused("too_large")
        return value

    def counter(self) -> int:
        value = self.number()
        if value == 0:
            raise Refused("malformed")
        if value > COUNTER:
            raise Refused("overflow")
        return value

    def is_empty(self) -> bool:
        return self.at == len(self.data)


def decode_batch(author: bytes, data: bytes) -> list[Section]:
    if len(data) > BATCH:
        raise Refused("too_large")
    if not data:
        raise Refused("malformed")
    content = unpack(data)
    reader = Reader(content)
    sections: list[Section] = []
    room = CHANGES
    while not reader.is_empty():
        section = read_section(author, reader, room)
        if sections and (sections[-1].kind, sections[-1].part) >= (section.kind, section.part):
            raise Refused("malformed")
        room -= len(section.changes)
        sections.append(section)
    if not sections:
        raise Refused("malformed")
    if sum(change.operations() for s in sections for change in s.changes) > 4 * OPERATIONS:
        raise Refused("too_large")
    return sections


def unpack(data: bytes, limit: int = UNPACKED) -> bytes:
    packing, packed = data[0], data[1:]
    if packing == 0:
        return packed
    if packing != 1:
        raise Refused("malformed")
    most = min(limit, FACTOR * len(packed))
    stream = zlib.decompressobj(wbits=-15)
    try:
        content = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise Refused("malformed") from error
    if len(content) > most:
        raise Refused("too_large")
    if not stream.eof or stream.unused_data:
        raise Refused("malformed")
    return content


def read_section(author: bytes, reader: Reader, room: int) -> Section:
    start = reader.at
    kind = reader.number()
    if kind > 0xFFFF:
        raise Refused("malformed")
    part, first, count = reader.number(), reader.number(), reader.length(room)
    if first == 0 or count == 0:
        raise Refused("malformed")
    if first + count - 1 > COUNTER:
        raise Refused("overflow")
    changes = [read_change(author, reader) for _ in range(count)]
    check = reader.take(8)
    return Section(kind, part, first, changes, check, reader.data[start : reader.at])


def read_change(author: bytes, reader: Reader) -> Change:
    start = reader.at
    flags = reader.byte()
    if flags > 3:
        raise Refused("malformed")
    others: list[bytes] = []
    if flags & 1:
        for _ in range(reader.length(OTHERS)):
            others.append(reader.take(32))
        if not others or any(a >= b for a, b in zip(others, others[1:])):
            raise Refused("malformed")
    ops = read_ops(author, reader) if flags & 2 else [read_record(reader)]
    if reader.at - start > CHANGE:
        raise Refused("too_large")
    change = Change(author, others, ops)
    if change.operations() > OPERATIONS:
        raise Refused("too_large")
    return change


def read_record(reader: Reader) -> Record:
    size = reader.length(RECORD)
    if size == 0:
        raise Refused("malformed")
    return Record(reader.take(size))


def read_ops(author: bytes, reader: Reader) -> list:
    actors = [author]
    for _ in range(reader.number()):
        actor = reader.take(16)
        if actor == author or (len(actors) > 1 and actors[-1] >= actor):
            raise Refused("malformed")
        actors.append(actor)
    used = {author}
    current: OpId | None = None

    def reference() -> OpId | None:
        at = reader.number()
        if at == 0:
            return None
        if at > len(actors):
            raise Refused("malformed")
        used.add(actors[at - 1])
        return OpId(reader.counter(), actors[at - 1])

    def text() -> OpId:
        nonlocal current
        named = reference()
        # The same text has to be left out, and there has to be one before.
        current = None if named is not None and named == current else named or current
        if current is None:
            raise Refused("malformed")
        return current

    ops: list = []
    for _ in range(reader.number()):
        op = reader.byte()
        if op == 0:
            ops.append(read_record(reader))
        elif op == 1:
            ops.append(MakeText(reader.take(16)))
        elif op == 2:
            of, after = text(), reference()
            try:
                chars = reader.take(reader.length(CHANGE)).decode()
            except UnicodeDecodeError as error:
                raise Refused("malformed") from error
            if not chars:
                raise Refused("malformed")
            ops.append(Insert(of, after, chars))
        elif op == 3:
            of, first = text(), reference()
            if first is None:
                raise Refused("malformed")
            count = reader.number()
            if count == 0:
                raise Refused("malformed")
            if count > OPERATIONS:
                raise Refused("too_large")
            before = ops[-1] if ops else None
            if (
                isinstance(before, Delete)
                and before.text == of
                and before.first.actor == first.actor
                and before.first.counter + before.count == first.counter
            ):
                raise Refused("malformed")
            ops.append(Delete(of, first, count))
        else:
            raise Refused("malformed")
    records = [record_id(op.data) for op in ops if isinstance(op, Record)]
    lone = len(ops) == 1 and records
    if not ops or lone or len(set(records)) < len(records) or used != set(actors):
        raise Refused("malformed")
    return ops


def read_stored(data: bytes) -> Change:
    """The form in which a device keeps a change."""
    reader = Reader(data)
    actor = reader.take(16)
    seq, start_op = reader.counter(), reader.counter()
    previous = reader.take(32) if seq > 1 else None
    change = read_change(actor, reader)
    if not reader.is_empty():
        raise Refused("malformed")
    change.seq, change.start_op, change.previous = seq, start_op, previous
    return change
