"""What is left of a document where something is forgotten."""

from hashlib import sha256

from . import cbor
from .automerge import rebuild
from .gate import Change, Insert, MakeText, OpId, Record, length, record_id


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
                    ops.append(Record(_placeholder(counter, data, beside)))
                case MakeText(name):
                    if name in texts:
                        gone.add(OpId(counter, change.actor))
                        name = _nameless(change.actor, counter, name, taken)
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


def _tag(of: bytes) -> int:
    return sha256(b"waymark/1 forgotten" + of).digest()[0]


def _placeholder(counter: int, forgotten: bytes, beside: set) -> bytes:
    nth, record = 0, {0: 13, 2: counter, 4: _tag(forgotten)}
    while (data := cbor.encode(record)) in beside:
        nth += 1
        record[3] = nth
    return data


def _nameless(actor: bytes, counter: int, forgotten: bytes, taken: set) -> bytes:
    nth = 0
    while True:
        stated = counter.to_bytes(4) + nth.to_bytes(4) + bytes([_tag(forgotten)])
        name = sha256(b"waymark/1 forgotten" + actor + stated).digest()[:16]
        if name not in taken:
            return name
        nth += 1
