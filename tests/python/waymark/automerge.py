"""The Automerge change that is rebuilt from what travels of it."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from .gate import Change, Delete, Insert, MakeText, OpId, Record, record_id


def root_key(prefix: str, identifier: bytes) -> bytes:
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
