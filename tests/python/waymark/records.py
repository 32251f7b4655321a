"""What a record must obey by itself (docs/protocol.md, "Records")."""

from datetime import date, timedelta

from . import cbor
from .wire import Refused

FIRST_DAY, LAST_DAY = -25_567, 2_932_896
EPOCH = date(1970, 1, 1)


def malformed_unless(holds: bool) -> None:
    if not holds:
        raise Refused("malformed")


def in_range(holds: bool) -> None:
    if not holds:
        raise Refused("out_of_range")


def unsigned(bits: int):
    return lambda value: type(value) is int and 0 <= value < 1 << bits


def signed(bits: int):
    return lambda value: type(value) is int and -1 << (bits - 1) <= value < 1 << (bits - 1)


code, uint16, amount = unsigned(8), unsigned(16), unsigned(64)
int16, int32, instant = signed(16), signed(32), signed(64)
day = int32


def identifier(value) -> bool:
    return isinstance(value, bytes) and len(value) == 16


def space(value) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def text(value) -> bool:
    return isinstance(value, str)


def links(value) -> bool:
    return isinstance(value, list) and all(map(identifier, value))


def ratings(value) -> bool:
    return isinstance(value, dict) and all(identifier(k) and int32(v) for k, v in value.items())


def dates(value) -> bool:
    return isinstance(value, list) and all(map(day, value))


def pauses(value) -> bool:
    return isinstance(value, list) and all(len(pair) == 2 and dates(pair) for pair in value)


def points(value) -> bool:
    kinds = (uint16, unsigned(32), unsigned(32))
    return isinstance(value, list) and all(
        isinstance(point, list)
        and len(point) == 3
        and all(fit(number) for fit, number in zip(kinds, point))
        for point in value
    )


def target(value) -> bool:
    return fits(value, {}, {0: identifier, 1: code, 2: amount, 3: text, 4: code, 5: day})


def schedule(value) -> bool:
    optional = {1: uint16, 2: day, 3: day, 4: uint16, 5: dates, 6: pauses}
    return fits(value, {0: code}, optional)


def fits(value, required: dict, optional: dict) -> bool:
    """Unknown keys are a later version's and are passed over; `null` is absent."""
    return (
        isinstance(value, dict)
        and set(required) <= set(value)
        and all(required[key](value[key]) for key in required)
        and all(
            optional[key](part) or (part is None and optional[key] not in LISTS)
            for key, part in value.items()
            if key in optional
        )
    )


LISTS = (links, ratings, dates, pauses, points)
BASE = {0: uint16, 1: instant}
KINDS = {
    1: (  # measure
        {**BASE, 4: text, 5: int32, 6: int32, 7: int32},
        {2: identifier, 3: links, 8: text, 9: text, 10: text},
    ),
    2: (BASE, {2: text, 3: uint16}),  # goal
    3: ({**BASE, 2: identifier, 3: code}, {4: links, 5: text, 6: code, 7: day}),  # status
    4: (  # revision
        {**BASE, 2: identifier, 4: text},
        {3: links, 5: target, 6: schedule, 7: day, 8: text},
    ),
    5: ({**BASE, 2: identifier, 3: code, 4: day}, {}),  # verdict
    6: (BASE, {2: links, 3: code, 4: text, 5: code}),  # settings
    7: ({**BASE, 2: identifier}, {3: identifier, 4: text}),  # note
    8: (  # check-in
        {**BASE, 3: day, 4: text, 5: int16, 6: code},
        {2: identifier, 7: amount, 8: text, 9: ratings, 10: text, 11: links, 12: identifier},
    ),
    9: ({**BASE, 2: links}, {}),  # withdrawal
    10: ({**BASE, 2: identifier, 3: code, 4: text, 5: day}, {6: day}),  # grant
    11: ({**BASE, 2: space, 3: identifier, 4: code}, {5: links, 6: day, 7: day}),  # provenance
    12: ({**BASE, 2: identifier, 3: code}, {4: points, 5: links, 6: day}),  # void
    13: ({0: uint16, 2: unsigned(32)}, {3: unsigned(32)}),  # what stands for a forgotten one
}


def check(data: bytes) -> dict:
    """The record, or the reason for which every view leaves it out."""
    malformed_unless(len(data) <= 64 * 1024 and cbor.is_strict_map(data))
    try:
        record = cbor.decode(data)
    except cbor.Malformed as error:
        raise Refused("malformed") from error
    malformed_unless(uint16(record.get(0)))
    if record[0] not in KINDS:
        raise Refused("needs_newer_app")
    malformed_unless(fits(record, *KINDS[record[0]]))
    if record[0] == 13:
        return record  # When it was written is forgotten, too.
    in_range(FIRST_DAY <= record[1] // 86_400_000 <= LAST_DAY)
    if record[0] == 3:
        date = record.get(7)
        in_range(date is None or FIRST_DAY <= date <= LAST_DAY)
    if record[0] == 8:
        in_range(FIRST_DAY <= record[3] <= LAST_DAY)
        in_range(len(record.get(9, {})) + len(record.get(11, [])) + 2 <= 64)
        if record[6] not in range(1, 6):
            raise Refused("needs_newer_app")
    if record[0] == 9:
        in_range(0 < len(record[2]) <= 64)
    if record[0] == 10:
        until = record.get(6)
        last = record[5] if until is None else until
        in_range(record[4].strip() != "" and len(record[4]) <= 500)
        in_range(FIRST_DAY <= record[5] <= last <= LAST_DAY)
        if record[3] != 1:
            raise Refused("needs_newer_app")
    if record[0] == 11:
        if record[4] not in range(4):
            raise Refused("needs_newer_app")
        in_range(len(record.get(5, [])) <= 64)
        say = record.get(6), record.get(7)
        malformed_unless((say[0] is None) == (say[1] is None))
        in_range(say[0] is None or FIRST_DAY <= say[0] < say[1] <= LAST_DAY)
    if record[0] == 12:
        if record[3] not in (1, 2):
            raise Refused("needs_newer_app")
        since, points, replaces = record.get(6), record.get(4, []), record.get(5, [])
        in_range(since is None or FIRST_DAY <= since <= LAST_DAY)
        in_range(len(replaces) <= 64 and len(points) <= 1024)
        in_range(record[3] == 1 or (points == [] and replaces != []))
        places = [tuple(point[:2]) for point in points]
        in_range(places == sorted(set(places)) and all(point[2] > 0 for point in points))
    return record


def voided(found: list) -> dict:
    """The voids that undo each record. "Found" are records: document (kind, part), id, record, and
    puts (counter, actor, role)."""
    voids = {r["id"]: r["record"] for r in found if r["record"][0] == 12}
    puts = [
        (put[0], put[1], r["id"])
        for r in found
        if r["record"][0] == 12
        for put in r["puts"]
        if put[2] == "client"
    ]
    holding, replaced = [], set()
    for counter, actor, ident in sorted(puts, reverse=True):
        void = voids[ident]
        if any(covers(older, (1, 0), counter, actor) for _, _, older in holding):
            continue
        if ident in replaced:
            continue
        waiting = list(void.get(5, []))
        while waiting:
            below = waiting.pop()
            if below in voids and voids[below][2] == void[2] and below not in replaced:
                replaced.add(below)
                waiting += voids[below].get(5, [])
        if void[3] == 1:
            holding.append(((counter, actor), ident, void))
    undone = {}
    for r in found:
        of_client = r["record"][0] in (6, 8, 10, 11, 12)
        writers = ("client",) if of_client else ("client", "therapist")
        by, lives = set(), False
        for counter, actor, role in r["puts"]:
            hit = {
                ident
                for put, ident, void in holding
                if covers(void, r["document"], counter, actor)
                and (r["record"][0] != 12 or put > (counter, actor))
            }
            by |= hit
            lives |= role in writers and not hit
        if by and not lives:
            undone[r["id"]] = by
    return undone


def covers(void: dict, document: tuple, counter: int, actor: bytes) -> bool:
    first = {tuple(point[:2]): point[2] for point in void.get(4, [])}
    return actor == void[2] and counter >= first.get(document, 0)


def document(data: bytes) -> dict:
    """Where a record of the vectors belongs; a withdrawal belongs beside what it names."""
    record = cbor.decode(data)
    if record[0] != 8:
        return {"kind": 1, "part": 0}
    day = EPOCH + timedelta(days=record[3])
    return {"kind": 2, "part": day.year * 12 + day.month - 1}
