"""CBOR as the protocol uses it (docs/protocol.md, "Encoding")."""

import io

import cbor2


class Malformed(Exception):
    """Bytes are not the item that was expected."""


def decode(data: bytes):
    """One item that is all of `data`."""
    stream = io.BytesIO(data)
    try:
        item = cbor2.CBORDecoder(stream, read_size=1).decode()
    except (cbor2.CBORError, ValueError, EOFError) as error:
        raise Malformed(str(error)) from error
    if stream.read():
        raise Malformed("bytes follow the item")
    return item


def encode(item) -> bytes:
    """The strict form: shortest numbers, definite lengths, map keys in ascending order."""
    return cbor2.dumps(item, canonical=True)


def is_strict_map(data: bytes) -> bool:
    """Whether `data` is one map in the strict form."""
    try:
        major, _, _ = _head(data, 0)
        return major == 5 and _skip(data, 0, 8) == len(data)
    except (Malformed, IndexError):
        return False


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    major, info = data[at] >> 5, data[at] & 0x1F
    at += 1
    if info < 24:
        return major, info, at
    if info > 27:
        raise Malformed("a length that is not definite")
    size = 1 << (info - 24)
    if at + size > len(data):
        raise Malformed("cut")
    value = int.from_bytes(data[at : at + size], "big")
    if major == 7:
        shortest = size > 1 or value >= 32
    else:
        shortest = value >= {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size]
    if not shortest:
        raise Malformed("a number in a longer form")
    return major, value, at + size


def _skip(data: bytes, at: int, depth: int) -> int:
    major, value, at = _head(data, at)
    if major in (0, 1, 7):
        return at
    if major in (2, 3):
        if at + value > len(data):
            raise Malformed("cut")
        if major == 3:
            try:
                data[at : at + value].decode()
            except UnicodeDecodeError as error:
                raise Malformed("no UTF-8") from error
        return at + value
    if depth == 0:
        raise Malformed("too deep")
    if major == 6:
        return _skip(data, at, depth - 1)
    last = None
    for _ in range(value):
        start = at
        at = _skip(data, at, depth - 1)
        if major == 5:
            key = data[start:at]
            if last is not None and last >= key:
                raise Malformed("keys out of order")
            last = key
            at = _skip(data, at, depth - 1)
    return at
