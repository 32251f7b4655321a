"""Items, read by the tables of docs/protocol.md ("Records") and by nothing else: which fields a kind has,
of what type each is, and what it may hold. A rule of several fields together stands in `TOGETHER`."""

import re
from base64 import urlsafe_b64encode
from calendar import monthrange
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from . import cbor
from .records import (
    FIRST_DAY,
    LAST_DAY,
    code,
    identifier,
    in_range,
    instant,
    int16,
    int32,
    links,
    malformed_unless,
    signed,
    text,
    uint16,
    unsigned,
)
from .wire import Refused

PROTOCOL = Path(__file__).resolve().parents[3] / "docs" / "protocol.md"
DAY_MS = 86_400_000


def table(heading: str) -> list:
    """The rows of the first table behind a heading."""
    _, behind = PROTOCOL.read_text(encoding="utf-8").split(heading, 1)
    rows, begun = [], False
    for line in behind.splitlines():
        if line.startswith("|"):
            begun = True
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif begun:
            break
    return rows[2:]


KINDS = {int(row[0]): row[1:] for row in table("**Kinds of items.**")}
CODES = {
    name: {int(number): word for number, word in re.findall(r"(\d+) ([\w-]+)", words)}
    for name, words in re.findall(
        r"^\| ([a-z -]+?)(?: \(FHIR R4\))? \| (1 [^|]*) \|$",
        PROTOCOL.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}


def fields() -> dict:
    """By kind and key: name, whether it may be absent, type, what it holds. What stands inside a
    field has a key with a dot."""
    found: dict = {}
    for kind, key, name, form, holds in table("**Fields of items.**"):
        place = found.setdefault(int(kind), {})
        entry = (name.removeprefix("? "), name.startswith("?"), form, holds)
        *outer, last = map(int, key.split("."))
        for part in outer:
            place = place[part][4]
        place[last] = (*entry, {})
    return found


FIELDS = fields()


def readings() -> dict:
    """By type of reading and key: what the key is called there, whether it may be absent, its range."""
    found = {}
    for name, keys in table("A reading has key 0"):
        of = {}
        for part in re.split(r"[,;:] ", keys):
            named = re.match(r"(\? )?(\d+) (\w+)(?: \((\d+)\.\.(\d+)\))?", part)
            if named:
                optional, key, called, low, high = named.groups()
                of[int(key)] = (called, bool(optional), low and (int(low), int(high)))
        found[name] = of
    return found


READINGS = readings()


def day_of(value) -> bool:
    return int32(value) and FIRST_DAY <= value <= LAST_DAY


def moment(value) -> bool:
    return instant(value) and FIRST_DAY <= value // DAY_MS <= LAST_DAY


TYPES = {
    "tstr": text,
    "id": identifier,
    "at": moment,
    "date": day_of,
    "bstr": lambda value: isinstance(value, bytes),
    "bool": lambda value: isinstance(value, bool),
    "[* id]": links,
    "[* tstr]": lambda value: isinstance(value, list) and all(map(text, value)),
    "[* date]": lambda value: isinstance(value, list) and all(map(day_of, value)),
    "[* code]": lambda value: isinstance(value, list) and all(map(code, value)),
    "code": code,
    **{f"uint{bits}": unsigned(bits) for bits in (8, 16, 32)},
    **{f"int{bits}": signed(bits) for bits in (8, 16, 32)},
}


def check_type(value, field) -> None:
    _, optional, form, holds, inner = field
    if value is None and optional and not form.startswith("["):
        return
    if form in ("map", "[* map]"):
        many = form == "[* map]"
        malformed_unless(isinstance(value, list if many else dict))
        for part in value if many else [value]:
            check_map(part, inner)
        return
    malformed_unless(TYPES[form](value))
    if form == "code" and value not in CODES[holds]:
        raise Refused("needs_newer_app")
    if form == "[* code]" and not all(one in CODES[holds.split(" of ")[1]] for one in value):
        raise Refused("needs_newer_app")


def check_map(value, known: dict) -> None:
    """Field by field, in the order of the keys; what is missing is missed last."""
    malformed_unless(isinstance(value, dict))
    for key, part in value.items():
        if key in known:
            check_type(part, known[key])
    malformed_unless(all(known[key][1] or key in value for key in known))


def bounds(holds: str):
    """The range that a cell begins with: its least, its most, and of what."""
    found = re.match(r"(\d*)\.\.(\d+)( characters| of (.*))?", holds)
    if found is None:
        return None
    least, most, _, of = found.groups()
    return int(least or 0), int(most), found.group(3) == " characters", of


def check_range(value, holds: str) -> None:
    bound = bounds(holds)
    if bound is None or value is None:
        return
    least, most, characters, of = bound
    if characters:
        in_range(len(value) <= most and (least == 0 or value.strip() != ""))
    elif isinstance(value, list):
        in_range(least <= len(value) <= most)
        for part in value:
            check_range(part, of or "")
    else:
        in_range(least <= value <= most)


def check_ranges(value: dict, known: dict) -> None:
    for key, (_, _, form, holds, inner) in known.items():
        part = value.get(key)
        check_range(part, holds)
        if inner and part is not None:
            for one in part if form == "[* map]" else [part]:
                check_ranges(one, inner)


def check_reading(said: dict) -> None:
    """Only the keys of its type, each in the range that it has there."""
    of = READINGS[CODES["reading"][said[0]]]
    there = {key for key, value in said.items() if value is not None and 2 < key < 20}
    malformed_unless(there <= set(of))
    malformed_unless(all(key in there or of[key][1] for key in of))
    name = CODES["reading"][said[0]]
    if name == "ruler":
        malformed_unless(0 <= said[13] < 256)


def together_reading(said: dict) -> None:
    name = CODES["reading"][said[0]]
    for key, (_, _, bound) in READINGS[name].items():
        if bound and said.get(key) is not None:
            in_range(bound[0] <= said[key] <= bound[1])
    if name in ("ruler", "outcome"):
        in_range(said.get(1) is not None)
    if name == "sleep":
        bed, dark, wake, rise = (said[key] for key in (14, 15, 16, 17))
        in_range(bed <= dark <= wake <= rise and 1 <= (rise - bed) // 60_000 <= 1440)
        in_range(said[18] + said[9] <= (wake - dark) // 60_000)


def together_habit(said: dict) -> None:
    in_range((said.get(2) is None) != (said.get(3) is None))


def together_problem(said: dict) -> None:
    chosen = said.get(2)
    in_range(chosen is None or chosen < len(said.get(1, [])))
    in_range(said.get(4) is None or chosen is not None)


def together_order(said: dict) -> None:
    in_range(1 <= len(said[1]) <= 16 and said[1][-1] != 0)


def together_decision(said: dict) -> None:
    options = len(said.get(2, []))
    chosen = said.get(4)
    in_range(all(one is None or one < options for one in (said.get(3), chosen)))
    in_range(said.get(5) is None or chosen is not None)


def together_review(said: dict) -> None:
    goals = [reviewed[0] for reviewed in said[0]]
    in_range(len(goals) == len(set(goals)))


def together_observance(said: dict) -> None:
    dates, yearly, first, last = said.get(1, []), said.get(2), said.get(3), said.get(4)
    in_range(len(dates) > 0 or yearly is not None)
    in_range(yearly is not None or (first is None and last is None))
    in_range(first is None or last is None or first <= last)
    if yearly is not None:
        in_range(yearly[1] <= monthrange(2024, yearly[0])[1])


def together_reason(said: dict) -> None:
    in_range(bool((said.get(1) or "").strip()) or bool(said.get(2, [])))


TOGETHER = {
    18: together_order,
    19: together_decision,
    20: together_habit,
    24: together_problem,
    30: together_reading,
    32: together_reason,
    34: together_observance,
    48: together_review,
}


def check(data: bytes) -> dict:
    """The item, or the reason for which every view leaves it out."""
    malformed_unless(len(data) <= 64 * 1024 and cbor.is_strict_map(data))
    item = cbor.decode(data)
    malformed_unless(uint16(item.get(0)))
    kind = item[0]
    if kind not in KINDS:
        raise Refused("needs_newer_app")
    at, said, of, replaces, day = (item.get(key) for key in (1, 2, 3, 4, 5))
    replaces = [] if 4 not in item else replaces
    malformed_unless(at is None or instant(at))
    if said is not None:
        check_map(said, FIELDS[kind])
        if kind == 30:
            check_reading(said)
    malformed_unless(of is None or identifier(of))
    malformed_unless(links(replaces))
    if day is not None:
        stamped = isinstance(day, dict) and int32(day.get(0)) and text(day.get(1))
        malformed_unless(stamped and int16(day.get(2)))
    _, place, _, _, rule = KINDS[kind]
    in_range(at is None or FIRST_DAY <= at // DAY_MS <= LAST_DAY)
    in_range((at is None) == ("twins" in rule and said is not None))
    in_range(len(replaces) <= 64)
    if day is not None:
        in_range(re.fullmatch(r"[A-Za-z0-9/_+-]{1,64}", day[1]) and abs(day[2]) <= 18 * 60)
    in_range(of is not None or (said is not None and replaces == []))
    if "one for each" in rule:
        in_range(of is not None and (said is None or said[0] == of))
    if said is not None:
        check_ranges(said, FIELDS[kind])
        TOGETHER.get(kind, lambda _: None)(said)
    in_range((day is not None) == (place == "log"))
    in_range(day is None or FIRST_DAY <= day[0] <= LAST_DAY)
    return item


def shown(value, form: str, holds: str, inner: dict):
    """A field as an app shows it."""
    if value is None:
        return None
    if form == "id":
        return urlsafe_b64encode(value).rstrip(b"=").decode()
    if form == "bstr":
        return list(value)
    if form == "[* code]":
        return [CODES[holds.split(" of ")[1]][part] for part in value]
    if form == "[* date]":
        return [shown(part, "date", "", {}) for part in value]
    if form == "[* id]":
        return [shown(part, "id", "", {}) for part in value]
    if form == "at":
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=value)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if form == "date":
        return str(date(1970, 1, 1) + timedelta(days=value))
    if form == "code":
        return CODES[holds][value]
    if form == "map":
        return says(value, inner)
    if form == "[* map]":
        return [says(part, inner) for part in value]
    return value


def says(fields: dict, known: dict) -> dict:
    """The fields by their names."""
    return {
        name: shown(fields.get(key, [] if form.startswith("[") else None), form, holds, inner)
        for key, (name, _, form, holds, inner) in known.items()
    }


def says_reading(fields: dict) -> dict:
    """A reading is stored flat, and shown by its type."""
    flat = says(fields, FIELDS[30])
    names = {key: name for key, (name, *_) in FIELDS[30].items()}
    of = {called: flat[names[key]] for key, (called, *_) in READINGS[flat["of"]].items()}
    return {"of": {"type": flat["of"], **of}, "goal": flat["goal"], "note": flat["note"]}


def document(data: bytes) -> dict:
    """Where an item belongs."""
    day = cbor.decode(data).get(5)
    if day is None:
        return {"kind": 1, "part": 0}
    on = date(1970, 1, 1) + timedelta(days=day[0])
    return {"kind": 2, "part": on.year * 12 + on.month - 1}
