"""The codec of batches, and the Automerge change that is rebuilt from it."""

import zlib
from dataclasses import dataclass, field
from hashlib import sha256

from . import cbor
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


# --- Snapshots ---

PART, PART_CONTENT = 1024 * KIB - 1, 1024 * KIB - 1025


@dataclass
class Snapshot:
    kind: int
    part: int
    changes: list[Change]
    hashes: list[bytes]


def decode_snapshot(parts: list[bytes]) -> Snapshot:
    """Rebuilds every change of a snapshot, in order."""
    authors: list[bytes] = []
    last: dict[bytes, tuple[int, bytes]] = {}
    texts: dict[bytes, OpId] = {}
    hands: dict[bytes, OpId] = {}
    changes: list[Change] = []
    hashes: list[bytes] = []
    max_op: dict[bytes, int] = {}
    running = sha256(b"waymark/1 snapshot")
    for index, data in enumerate(parts):
        if len(data) > PART or len(data) < 11:
            raise Refused("malformed")
        header = [int.from_bytes(data[a:b]) for a, b in ((0, 2), (2, 6), (6, 8), (8, 10))]
        if header[2:] != [index, len(parts)] or data[:6] != parts[0][:6]:
            raise Refused("malformed")
        reader = Reader(unpack(data[10:], PART_CONTENT))
        count = reader.length(65_536)
        authors += [reader.take(16) for _ in range(reader.number())]
        columns = [Reader(reader.take(reader.number())) for _ in range(7)]
        by, stated, sizes, kinds, references, lengths, content = columns
        by, sizes, kinds = repeated(by), repeated(sizes), repeated(kinds)
        check = reader.take(8)
        expected = stated.number() if not stated.is_empty() else None

        def reference(author: bytes) -> OpId | None:
            number = references.number()
            hand = hands.get(author, OpId(0, author))
            if number < 2:
                return hand if number else None
            step = references.number()
            step = -(step + 1) // 2 if step & 1 else step // 2
            return OpId(hand.counter + step, authors[number - 2])

        def text(author: bytes) -> OpId:
            number = references.number()
            if number:
                texts[author] = OpId(references.counter(), authors[number - 1])
            return texts[author]

        for _ in range(count):
            author = authors[next(by)]
            others = [hashes[-1]] if changes and changes[-1].actor != author else []
            if expected == 0:
                others = [hashes[-stated.number()] for _ in range(stated.length(OTHERS))]
                expected = stated.number() if not stated.is_empty() else None
            elif expected is not None:
                expected -= 1
            seq, previous = last.get(author, (0, None))
            depends = [*others, *filter(None, [previous])]
            start_op = 1 + max((max_op[dep] for dep in depends), default=0)
            change = Change(author, sorted(others), [], seq + 1, start_op, previous)
            for _ in range(next(sizes)):
                now = OpId(start_op + change.operations(), author)
                match next(kinds):
                    case 0:
                        op = Record(content.take(lengths.length(RECORD)))
                    case 1:
                        op = MakeText(content.take(16))
                        texts[author] = now
                    case 2:
                        of, after = text(author), reference(author)
                        op = Insert(of, after, content.take(lengths.length(CHANGE)).decode())
                        hands[author] = OpId(now.counter + len(op.chars) - 1, author)
                    case 3:
                        of, first = text(author), reference(author)
                        op = Delete(of, first, references.number())
                        hands[author] = OpId(first.counter - 1, first.actor)
                    case _:
                        raise Refused("malformed")
                change.ops.append(op)
            digest = rebuild(change)[1]
            last[author] = (change.seq, digest)
            max_op[digest] = start_op + change.operations() - 1
            changes.append(change)
            hashes.append(digest)
            running.update(digest)
        if running.digest()[:8] != check or not all(c.is_empty() for c in columns + [reader]):
            raise Refused("hash_mismatch")
    order = [(change.start_op, change.actor) for change in changes]
    if order != sorted(order):
        raise Refused("malformed")
    return Snapshot(header[0], header[1], changes, hashes)


def repeated(reader: Reader):
    while not reader.is_empty():
        value = reader.number()
        for _ in range(reader.number()):
            yield value


def digest_of(hashes: list[bytes]) -> bytes:
    return sha256(b"waymark/1 change set" + b"".join(sorted(hashes))).digest()


# --- Rebuilding ---


def record_id(data: bytes) -> bytes:
    return sha256(data).digest()[:16]


def root_key(prefix: str, identifier: bytes) -> bytes:
    from base64 import urlsafe_b64encode

    return prefix.encode() + urlsafe_b64encode(identifier).rstrip(b"=")


def unsigned(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def text_cell(value: bytes) -> bytes:
    return unsigned(len(value)) + value


def runs(values: list, cell=unsigned) -> bytes:
    """Run-length encoding: runs, stretches of single values, nulls."""
    if all(value is None for value in values):
        return b""
    groups: list[tuple] = []
    for value in values:
        if groups and groups[-1][0] == value:
            groups[-1] = (value, groups[-1][1] + 1)
        else:
            groups.append((value, 1))
    out, singles = b"", []

    def flush() -> bytes:
        stretch = signed(-len(singles)) + b"".join(map(cell, singles)) if singles else b""
        singles.clear()
        return stretch

    for value, count in groups:
        if value is not None and count == 1:
            singles.append(value)
            continue
        out += flush()
        out += signed(0) + unsigned(count) if value is None else signed(count) + cell(value)
    return out + flush()


def deltas(values: list) -> bytes:
    last, differences = 0, []
    for value in values:
        if value is None:
            differences.append(None)
        else:
            differences.append(value - last)
            last = value
    return runs(differences, signed)


def booleans(values: list) -> bytes:
    out, current, count = b"", False, 0
    for value in values:
        if value != current:
            out += unsigned(count)
            current, count = value, 0
        count += 1
    return out + unsigned(count) if count else out


def rebuild(change: Change) -> tuple[bytes, bytes]:
    """The chunk of a change, and its hash."""
    named = {change.actor}
    for op in change.ops:
        if isinstance(op, Insert):
            named |= {op.text.actor} | ({op.after.actor} if op.after else set())
        elif isinstance(op, Delete):
            named |= {op.text.actor, op.first.actor}
    others = sorted(named - {change.actor})
    number = {actor: index for index, actor in enumerate([change.actor, *others])}

    # One row for each operation of Automerge.
    rows: list[dict] = []

    def row(text=None, element=None, key=None, **rest):
        rows.append(
            {
                "obj_actor": None if text is None else number[text.actor],
                "obj_counter": None if text is None else text.counter,
                "key_actor": None if element is None or element == "head" else number[element.actor],
                "key_counter": 0 if element == "head" else None if element is None else element.counter,
                "key": key,
                "insert": False,
                "pred": [],
                "value": b"",
                **rest,
            }
        )

    for op in change.ops:
        match op:
            case Record():
                meta = len(op.data) << 4 | 7
                row(key=root_key("", record_id(op.data)), action=1, meta=meta, value=op.data)
            case MakeText():
                row(key=root_key("t:", op.id), action=4, meta=0)
            case Insert():
                after = op.after or "head"
                for char in op.chars:
                    own = OpId(change.start_op + len(rows), change.actor)
                    data = char.encode()
                    row(op.text, after, insert=True, action=1, meta=len(data) << 4 | 6, value=data)
                    after = own
            case Delete():
                for step in range(op.count):
                    element = OpId(op.first.counter + step, op.first.actor)
                    row(op.text, element, action=3, meta=0, pred=[element])

    def column(name: str) -> list:
        return [row[name] for row in rows]

    preds = [pred for row in rows for pred in row["pred"]]
    columns = [
        (0x01, runs(column("obj_actor"))),
        (0x02, runs(column("obj_counter"))),
        (0x11, runs(column("key_actor"))),
        (0x13, deltas(column("key_counter"))),
        (0x15, runs(column("key"), text_cell)),
        (0x34, booleans(column("insert"))),
        (0x42, runs(column("action"))),
        (0x56, runs(column("meta"))),
        (0x57, b"".join(column("value"))),
        (0x70, runs([len(row["pred"]) for row in rows])),
        (0x71, runs([number[pred.actor] for pred in preds])),
        (0x73, deltas([pred.counter for pred in preds])),
    ]
    columns = [(spec, data) for spec, data in columns if data]
    depends = sorted(([change.previous] if change.previous else []) + change.others)
    body = unsigned(len(depends)) + b"".join(depends)
    body += unsigned(16) + change.actor
    body += unsigned(change.seq) + unsigned(change.start_op) + signed(0) + unsigned(0)
    body += unsigned(len(others)) + b"".join(unsigned(16) + actor for actor in others)
    body += unsigned(len(columns))
    body += b"".join(unsigned(spec) + unsigned(len(data)) for spec, data in columns)
    body += b"".join(data for _, data in columns)
    hashed = b"\x01" + unsigned(len(body)) + body
    digest = sha256(hashed).digest()
    return bytes.fromhex("856f4a83") + digest[:4] + hashed, digest


# --- Forgetting ---


def forget(changes: list[Change], hashes: list[bytes], records: set, texts: set) -> list[Change]:
    """A document's changes, each after all that it depends on, without what is forgotten."""
    past: dict[bytes, set] = {}
    made: dict[bytes, list[bytes]] = {}
    gone: set[OpId] = set()
    now: dict[bytes, bytes] = {}
    after = []
    for change, digest in zip(changes, hashes, strict=True):
        depends = [*change.others, *filter(None, [change.previous])]
        past[digest] = set().union(*(past[dep] | {dep} for dep in depends))
        taken = {name for dep in past[digest] for name in made[dep]}
        beside = {op.data for op in change.ops if isinstance(op, Record)}
        beside = {data for data in beside if record_id(data) not in records}
        counter, ops, made[digest] = change.start_op, [], []
        for op in change.ops:
            match op:
                case Record(data) if record_id(data) in records:
                    ops.append(Record(_placeholder(counter, beside)))
                case MakeText(name):
                    if name in texts:
                        gone.add(OpId(counter, change.actor))
                        name = _nameless(change.actor, counter, taken)
                    made[digest].append(name)
                    taken.add(name)
                    ops.append(MakeText(name))
                case Insert() if op.text in gone:
                    ops.append(Insert(op.text, op.after, " " * len(op.chars)))
                case _:
                    ops.append(op)
            counter += length(op)
        others = sorted(now[other] for other in change.others)
        previous = now[change.previous] if change.previous else None
        after.append(Change(change.actor, others, ops, change.seq, change.start_op, previous))
        now[digest] = rebuild(after[-1])[1]
    return after


def _placeholder(counter: int, beside: set) -> bytes:
    nth, record = 0, {0: 13, 2: counter}
    while (data := cbor.encode(record)) in beside:
        nth += 1
        record[3] = nth
    return data


def _nameless(actor: bytes, counter: int, taken: set) -> bytes:
    nth = 0
    while True:
        stated = counter.to_bytes(4) + nth.to_bytes(4)
        name = sha256(b"waymark/1 forgotten" + actor + stated).digest()[:16]
        if name not in taken:
            return name
        nth += 1
