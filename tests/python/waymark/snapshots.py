"""Snapshots: whole documents, change by change."""

from dataclasses import dataclass
from hashlib import sha256

from .automerge import rebuild
from .gate import (
    CHANGE,
    KIB,
    OTHERS,
    RECORD,
    Change,
    Delete,
    Insert,
    MakeText,
    OpId,
    Reader,
    Record,
    unpack,
)
from .wire import Refused

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
