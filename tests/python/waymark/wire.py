"""Padding, keys, entries, chains, proofs and receipts."""

from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from . import cbor

ZERO = bytes(32)
HEADER, SIGNATURE, TAG = 52, 64, 16
MEMBERSHIP, BATCH, SNAPSHOT, CHECKPOINT, ACK, CARRY = 1, 2, 3, 4, 5, 6
KIB = 1024


class Refused(Exception):
    """Says by name what is wrong."""


# --- Padding ---


def padme(length: int) -> int:
    """The size that Padmé gives a text of `length` bytes, at least 2."""
    exponent = length.bit_length() - 1
    bits = exponent - exponent.bit_length()
    mask = (1 << bits) - 1
    return (length + mask) & ~mask


def is_padded(length: int) -> bool:
    return length >= 256 and padme(length) == length


def pad(text: bytes) -> bytes:
    marked = text + b"\x80"
    return marked.ljust(padme(max(len(marked), 256)), b"\0")


def unpad(padded: bytes) -> bytes:
    text = padded.rstrip(b"\0")
    if not text.endswith(b"\x80"):
        raise Refused("not_padded")
    return text[:-1]


# --- Ed25519 ---

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def check_signing_key(key: bytes) -> None:
    """Refuses an encoding that is not the only one, and points of order 1, 2, 4 and 8.

    Computed on the curve, where Waymark's own code compares with a list.
    """
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    negative = key[31] >> 7
    if y >= P:
        raise Refused("not_canonical")
    x = _recover_x(y)
    if x is None:
        return  # No point: nothing ever verifies under it.
    if x == 0 and negative:
        raise Refused("not_canonical")
    point = (P - x if (x & 1) != negative else x, y)
    for _ in range(3):
        point = _double(point)
    if point == (0, 1):
        raise Refused("small_order")


def _recover_x(y: int):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if (x * x - square) % P == 0 else None


def _double(point):
    x, y = point
    product = D * x * x * y * y % P
    return (
        2 * x * y * pow(1 + product, -1, P) % P,
        (y * y + x * x) * pow(1 - product, -1, P) % P,
    )


def public_key(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


# --- Entries ---


def longest(kind: int) -> int:
    if kind == MEMBERSHIP:
        body = 4 + 64 * KIB + 32 + 64 * KIB + TAG
    elif kind == SNAPSHOT:
        body = 1024 * KIB + TAG
    elif kind == CHECKPOINT:
        body = 4 + 120 * KIB + 128 * KIB + TAG
    elif kind == ACK:
        body = KIB
    elif kind == CARRY:
        body = 288 * KIB + TAG
    else:
        body = 256 * KIB + TAG
    return HEADER + body + SIGNATURE


@dataclass(frozen=True)
class Entry:
    raw: bytes
    kind: int
    device: int
    counter: int
    height: int
    seen_seq: int
    seen_chain: bytes
    salt: bytes

    @property
    def header(self) -> bytes:
        return self.raw[:HEADER]

    @property
    def body(self) -> bytes:
        return self.raw[HEADER:-SIGNATURE]

    @property
    def signature(self) -> bytes:
        return self.raw[-SIGNATURE:]

    def id(self, space: bytes) -> bytes:
        return sha256(space + self.raw[:-SIGNATURE]).digest()

    def is_signed_by(self, key: bytes, membership_entry: bytes, entry_id: bytes) -> bool:
        return verifies(key, signed_text(membership_entry, entry_id), self.signature)


def signed_text(membership_entry: bytes, entry_id: bytes) -> bytes:
    return b"waymark/1 entry" + membership_entry + entry_id


def parse_entry(raw: bytes) -> Entry:
    if len(raw) < HEADER + SIGNATURE:
        raise Refused("too_short")
    kind = raw[1]
    if len(raw) > longest(kind):
        raise Refused("too_long")
    if raw[0] != 1:
        raise Refused("version")
    body = len(raw) - HEADER - SIGNATURE
    padded = body if kind == ACK else body - TAG
    if kind in (2, 3, 5, 6) and not is_padded(padded):
        raise Refused("not_padded")

    def number(start: int, end: int) -> int:
        return int.from_bytes(raw[start:end], "big")

    return Entry(
        raw, kind, number(2, 4), number(4, 8), number(8, 12), number(12, 20), raw[20:36], raw[36:52]
    )


FAULTS = {1: "missing", 2: "invented", 3: "altered", 4: "bomb"}


def read_ack(body: bytes):
    """What an ack says: its code, with code 1 an epoch's height, with 2 and 3 a checkpoint's id, and
    with 3 what is wrong with it. None where it cannot be read."""
    try:
        text = unpad(body)
    except Refused:
        return None
    if not cbor.is_strict_map(text):
        return None
    said = cbor.decode(text)
    code = said.get(0)
    if not isinstance(code, int) or code < 0:
        return None
    if code in (2, 3):
        about, fault = said.get(1), said.get(2)
        if not isinstance(about, bytes) or len(about) != 32:
            return None
        if code == 2:
            return code, about
        if type(fault) is not int or not 0 <= fault < 256:
            return None
        return code, about, FAULTS.get(fault, "other")
    if code != 1:
        return code, None
    epoch = said.get(1)
    return (code, epoch) if isinstance(epoch, int) and 0 <= epoch < 1 << 32 else None


def read_checkpoint(body: bytes):
    """The public part of a checkpoint's body, and the length of the sealed private part."""
    length = int.from_bytes(body[:4], "big")
    rest = body[4:]
    private = len(rest) - length
    if len(body) < 4 or length > 120 * KIB:
        raise Refused("length")
    if private < TAG or private - TAG > 128 * KIB or not is_padded(private - TAG):
        raise Refused("length")
    if not cbor.is_strict_map(rest[:length]):
        raise Refused("spelling")
    public = cbor.decode(rest[:length])
    seq, chain, height, counters = (public.get(key) for key in range(4))
    snapshots, kept = public.get(4, []), public.get(5, [])

    def number(value, bits):
        return type(value) is int and 0 <= value < 1 << bits

    def is_id(value):
        return isinstance(value, bytes) and len(value) == 32

    if not (
        number(seq, 64)
        and is_id(chain)
        and number(height, 32)
        and len(counters) <= 4_096
        and all(number(counter, 32) for counter in counters)
        and len(snapshots) <= 1_024
        and all(map(is_id, snapshots))
        and len(kept) <= 1_024
        and all(len(one) == 2 and number(one[0], 64) and is_id(one[1]) for one in kept)
    ):
        raise Refused("part")
    places = [place for place, _ in kept]
    if (
        seq == 0
        or len(set(snapshots)) < len(snapshots)
        or places != sorted(set(places))
        or not all(1 <= place <= seq for place in places)
    ):
        raise Refused("order")
    return public, private


def header_bytes(
    kind: int, device: int, counter: int, height: int, seen_seq: int, seen_chain: bytes, salt: bytes
) -> bytes:
    return (
        bytes([1, kind])
        + device.to_bytes(2, "big")
        + counter.to_bytes(4, "big")
        + height.to_bytes(4, "big")
        + seen_seq.to_bytes(8, "big")
        + seen_chain
        + salt
    )


# --- What is said about a log ---


def chain_start(space: bytes) -> bytes:
    return sha256(b"waymark/1 chain" + space).digest()


def chain_next(chain: bytes, seq: int, entry_id: bytes) -> bytes:
    return sha256(chain + seq.to_bytes(8, "big") + entry_id).digest()


def proof_text(relay: bytes, nonce: bytes, space: bytes, device: int) -> bytes:
    return b"waymark/1 read" + relay + nonce + space + device.to_bytes(2, "big")


def wake_text(relay: bytes, nonce: bytes, space: bytes, device: int, token: bytes) -> bytes:
    number = device.to_bytes(2, "big")
    return b"waymark/1 wake" + relay + nonce + space + number + sha256(token).digest()


def receipt_text(space: bytes, generation: bytes, seq: int, chain_tag: bytes) -> bytes:
    return b"waymark/1 receipt" + space + generation + seq.to_bytes(8, "big") + chain_tag
