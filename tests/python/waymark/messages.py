"""The bodies of requests and answers, as their CDDL says."""

CODES = [
    (1, "bad_request", 400),
    (2, "not_found", 404),
    (3, "stale_membership", 409),
    (4, "membership_moved", 409),
    (5, "counter", 409),
    (6, "forbidden", 403),
    (7, "unsupported", 422),
    (8, "nonce", 401),
    (9, "unknown_position", 409),
    (10, "too_large", 413),
    (11, "unavailable", 503),
    (12, "admission", 403),
    (13, "attachment", 400),
    (14, "closed", 409),
    (15, "mailbox_taken", 409),
    (16, "dropped", 409),
    (17, "quota", 507),
    (18, "too_often", 429),
]


def number(bits: int):
    return lambda value: type(value) is int and 0 <= value < 1 << bits


def data(*lengths: int):
    return lambda value: isinstance(value, bytes) and (not lengths or len(value) in lengths)


def text(value) -> bool:
    return isinstance(value, str)


def flag(value) -> bool:
    return isinstance(value, bool)


def code(value) -> bool:
    return value in [number for number, _, _ in CODES]


def list_of(item, most: int):
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(item, value))


def array(*items):
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(items)
        and all(item(part) for item, part in zip(items, value))
    )


def fields(required: dict, optional: dict | None = None):
    known = {**required, **(optional or {})}
    return lambda value: (
        isinstance(value, dict)
        and set(required) <= set(value) <= set(known)
        and all(known[key](part) for key, part in value.items())
    )


def nonce(value) -> bool:
    return isinstance(value, bytes) and 0 < len(value) <= 32


def token(value) -> bool:
    return isinstance(value, bytes) and 0 < len(value) <= 2_048


def frame(value) -> bool:
    return isinstance(value, list) and any(form(value) for form in FRAMES)


def within(first: int, last: int):
    return lambda value: type(value) is int and first <= value <= last


def slots(value) -> bool:
    """What a mailbox holds: each slot once, in their order."""
    if not list_of(slot, 8)(value):
        return False
    numbers = [number for number, _ in value]
    return numbers == sorted(set(numbers))


position = array(number(64), data(16))
slot = array(within(0, 7), data())
receipt = fields({0: data(16), 1: position, 2: data(64)})
proof = fields({0: data(32), 1: number(16), 2: nonce, 3: data(64)})
pull_space = fields({0: proof, 1: position}, {2: list_of(position, 8), 3: flag, 4: flag, 5: list_of(data(32), 256)})
placed = array(number(64), data())
index = number(16)


def is_number(wanted: int):
    return lambda value: type(value) is int and value == wanted


FRAMES = [
    array(is_number(0), data(32), nonce),
    array(is_number(1), index, data()),
    array(is_number(2), index, number(64), data()),
    array(is_number(3), index, number(64), data(32), number(32)),
    array(is_number(4), index, receipt, number(64)),
    array(is_number(5), index, code),
    array(is_number(5), index, code, position),
    array(is_number(6), nonce),
    array(is_number(7), index, placed, list_of(placed, 16)),
]

FORMS = {
    "append_request": fields(
        {0: data(32), 1: list_of(data(), 64)}, {2: list_of(data(), 512), 3: data(), 4: flag}
    ),
    "append_answer": fields({0: list_of(number(64), 64), 1: receipt, 2: nonce}),
    "pull_request": fields({0: list_of(pull_space, 1_024)}, {1: number(16)}),
    "frame": frame,
    "status_request": fields({0: proof}),
    "status_answer": fields(
        {0: number(64), 2: number(64), 3: receipt, 4: nonce}, {1: number(64)}
    ),
    "mailbox_request": fields({0: data(32)}, {1: slot, 2: within(1, 30), 3: data()}),
    "mailbox_answer": fields({0: slots}),
    "wake_request": fields({0: data(32), 1: number(16), 2: nonce, 4: data(64)}, {3: token}),
    "wake_answer": fields({0: nonce}),
    "refusal": fields(
        {0: code, 1: text, 2: nonce},
        {3: list_of(number(64), 64), 4: position, 5: list_of(data(), 256)},
    ),
}


def check(kind: str, item) -> None:
    if not FORMS[kind](item):
        raise AssertionError(f"not a {kind}: {diagnostic(item)}")


def diagnostic(item) -> str:
    """CBOR's diagnostic notation (RFC 8949, section 8)."""
    match item:
        case bool():
            return str(item).lower()
        case bytes():
            return f"h'{item.hex()}'"
        case str():
            return f'"{item}"'
        case list():
            return f"[{', '.join(map(diagnostic, item))}]"
        case dict():
            pairs = (f"{diagnostic(key)}: {diagnostic(value)}" for key, value in item.items())
            return "{" + ", ".join(pairs) + "}"
        case _:
            return str(item)
