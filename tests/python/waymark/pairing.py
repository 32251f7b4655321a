"""Two devices becoming known to each other over a mailbox (docs/crypto.md, "Pairing")."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from . import cbor, membership, sealing, wire
from .wire import Refused

LETTERS = {1: "p", 2: "c", 3: "d", 4: "s", 5: "g"}
REFUSALS = {0: "declined", 1: "codes_differ", 2: "fault"}
OFFER, ANSWER, REVEAL, YES, WELCOME, REFUSAL = range(6)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP, GROUPS = 4, 7


# --- Links and typed codes ---


@dataclass
class Link:
    purpose: int
    relay_url: str
    relay_key: bytes | None
    secret: bytes
    expires: int

    @classmethod
    def parse(cls, text: str) -> "Link":
        if not text.startswith("waymark:"):
            raise Refused("no_link")
        letter, body = text[8], text[9:]
        fields = cbor.decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        if fields[0] != 1 or LETTERS[fields[1]] != letter:
            raise Refused("purpose")
        return cls(fields[1], fields[2], fields.get(5), fields[3], fields[4])

    def text(self) -> str:
        fields = {0: 1, 1: self.purpose, 2: self.relay_url, 3: self.secret, 4: self.expires}
        if self.relay_key is not None:
            fields[5] = self.relay_key
        body = urlsafe_b64encode(cbor.encode(fields)).decode().rstrip("=")
        return f"waymark:{LETTERS[self.purpose]}{body}"


def times(a: int, b: int) -> int:
    """The product in GF(2^5) modulo x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(8, 4, -1):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def check_symbol(number: int, group: list[int]) -> int:
    """Group and number, each times its power of x: x^5 for the number, then x^4 down to x."""
    weight, total = 1, 0
    for symbol in reversed([number, *group]):
        weight = times(weight, 2)
        total ^= times(weight, symbol)
    return total


def write_code(purpose: int, secret: bytes) -> str:
    bits = f"{purpose:05b}" + "".join(f"{byte:08b}" for byte in secret) + "0" * 7
    symbols = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    groups = []
    for number in range(1, GROUPS + 1):
        group = symbols[GROUP * (number - 1) : GROUP * number]
        group.append(check_symbol(number, group))
        groups.append("".join(ALPHABET[symbol] for symbol in group))
    return "-".join(groups)


def read_code(text: str) -> tuple[int, bytes]:
    """Refused with the kind of mistake and, where there is one, the group."""
    typed = [c for c in text if not (c.isspace() or c in "-\u00ad\u2212" or "\u2010" <= c <= "\u2015")]
    if len(typed) != (GROUP + 1) * GROUPS:
        raise Refused("length", None)
    symbols = []
    for place, char in enumerate(typed):
        symbol = ALPHABET.find(char.upper().translate(str.maketrans("OIL", "011")))
        if symbol < 0:
            raise Refused("character", place // (GROUP + 1) + 1)
        symbols.append(symbol)
    bits = ""
    for number in range(1, GROUPS + 1):
        *group, stated = symbols[(GROUP + 1) * (number - 1) : (GROUP + 1) * number]
        if stated != check_symbol(number, group):
            raise Refused("mistyped", number)
        bits += "".join(f"{symbol:05b}" for symbol in group)
    if "1" in bits[133:]:
        raise Refused("mistyped", GROUPS)
    return int(bits[:5], 2), int(bits[5:133], 2).to_bytes(16, "big")


# --- The mailbox ---


def mailbox(secret: bytes) -> bytes:
    return sealing.hkdf(b"", secret, b"waymark/1 pairing mailbox", 32)


def slot_key(secret: bytes, slot: int) -> bytes:
    return sealing.hkdf(b"", secret, b"waymark/1 pairing slot" + bytes([slot]), 32)


def seal(secret: bytes, slot: int, text: bytes, nonce: bytes) -> bytes:
    place = mailbox(secret) + bytes([slot])
    return nonce + ChaCha20Poly1305(slot_key(secret, slot)).encrypt(nonce, wire.pad(text), place)


def open_slot(secret: bytes, slot: int, sealed: bytes) -> bytes:
    place = mailbox(secret) + bytes([slot])
    try:
        cipher = ChaCha20Poly1305(slot_key(secret, slot))
        padded = cipher.decrypt(sealed[:12], sealed[12:], place)
    except (InvalidTag, ValueError) as error:
        raise Refused("not_opened") from error
    return wire.unpad(padded)


def commitment(nonce: bytes, card: bytes) -> bytes:
    return sha256(b"waymark/1 pairing commit" + nonce + card).digest()


def transcript(secret: bytes, texts: list[bytes]) -> bytes:
    hashes = b"".join(sha256(text).digest() for text in texts)
    return sha256(b"waymark/1 pairing transcript" + mailbox(secret) + hashes).digest()


def code(said: bytes) -> str:
    derived = sealing.hkdf(b"", said, b"waymark/1 pairing code", 8)
    digits = f"{int.from_bytes(derived, 'big') % 1_000_000:06}"
    return f"{digits[:3]} {digits[3:]}"


def signed_yes(slot: int, said: bytes) -> bytes:
    return b"waymark/1 pairing yes" + bytes([slot]) + said


def signed_welcome(slot: int, said: bytes, welcome: bytes) -> bytes:
    return b"waymark/1 pairing welcome" + bytes([slot]) + said + welcome


def read_message(slot: int, text: bytes, kind: int) -> dict:
    try:
        found, fields = cbor.decode(text)
    except (cbor.Malformed, TypeError, ValueError) as error:
        raise Refused("malformed") from error
    if found == REFUSAL and slot > 0:
        raise Refused(REFUSALS[fields[0]])
    if found != kind:
        raise Refused("out_of_turn")
    return fields


def read_mailbox(purpose: int, secret: bytes, slots: dict[int, bytes]):
    """A whole run, in the order in which it was written: transcript and welcome."""
    texts = []

    def message(slot: int, kind: int) -> dict:
        text = open_slot(secret, slot, slots[slot])
        texts.append(text)
        return read_message(slot, text, kind)

    offer = message(0, OFFER)
    if offer[0] != purpose:
        raise Refused("purpose")
    answer = message(1, ANSWER)
    reveal = message(2, REVEAL)
    if commitment(reveal[1], reveal[0]) != offer[2]:
        raise Refused("commitment")
    inviter, invited = (membership.parse_card(m[0]) for m in (reveal, answer))
    if inviter["name"] != offer[1]:
        raise Refused("name")
    said = transcript(secret, texts)

    def verify(card: dict, text: bytes, signature: bytes) -> None:
        if not wire.verifies(card["keys"][0][0], text, signature):
            raise Refused("signature")

    for slot, card in ((3, invited), (4, inviter)):
        verify(card, signed_yes(slot, said), message(slot, YES)[0])
    slot, owner = (6, invited) if purpose == 2 else (5, inviter)
    welcome = message(slot, WELCOME)
    verify(owner, signed_welcome(slot, said, welcome[0]), welcome[1])
    return said, welcome[0]
