"""Recovery phrases and their beacons (docs/crypto.md, "The recovery phrase")."""

import hmac
from dataclasses import dataclass
from hashlib import sha3_256, sha3_512, sha256, shake_256

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from mnemonic import Mnemonic

from . import cbor, sealing, wire
from .wire import BATCH, MEMBERSHIP, ZERO, Entry, Refused

ENGLISH = Mnemonic("english")
ADMIN = 7
ROSTER = {0: [{0: 0, 1: "", 2: 0, 3: "", 4: 1, 5: 0}], 1: 6}
MARK = b"beacon"


def words(entropy: bytes) -> str:
    return ENGLISH.to_mnemonic(entropy)


def parse(text: str) -> bytes:
    """The phrase's 32 bytes."""
    typed = text.lower().split()
    if len(typed) != 24:
        raise Refused("count")
    for word in typed:
        if word not in ENGLISH.wordlist:
            raise Refused("unknown_word")
    if not ENGLISH.check(" ".join(typed)):
        raise Refused("checksum")
    return bytes(ENGLISH.to_entropy(typed))


def derived(entropy: bytes, label: bytes, length: int) -> bytes:
    return sealing.hkdf(b"", entropy, label, length)


@dataclass(frozen=True)
class Keys:
    signing_seed: bytes
    agreement_seed: bytes

    @staticmethod
    def of(entropy: bytes, label: bytes) -> "Keys":
        seeds = derived(entropy, label, 64)
        return Keys(seeds[:32], seeds[32:])


class Beacon:
    """What of a beacon follows from the phrase without looking at anything."""

    def __init__(self, entropy: bytes):
        self.keys = Keys.of(entropy, b"waymark/1 phrase beacon keys")
        seed = derived(entropy, b"waymark/1 phrase beacon entry", 32)
        blocks = [hmac.digest(seed, n.to_bytes(8, "big"), "sha256") for n in range(5)]
        self.person = blocks[0][:16]
        self.epoch_key = blocks[1]
        self.encapsulation = blocks[2] + blocks[3]
        self.salt = blocks[4][:16]

    def first_entry(self, sealed_key: bytes) -> Entry:
        """The first entry, byte for byte, given the sealed epoch key."""
        _, public = sealing.agreement_key_pair(self.keys.agreement_seed)
        add = [
            1,
            0,
            self.person,
            wire.public_key(self.keys.signing_seed),
            1,
            sha256(public).digest(),
            ADMIN,
        ]
        core = cbor.encode({0: ZERO, 1: [add], 2: [[0, sha256(sealed_key).digest()]]})
        header = wire.header_bytes(MEMBERSHIP, 0, 0, 0, 0, bytes(16), self.salt)
        roster = wire.pad(cbor.encode(ROSTER))
        private = sealing.seal_roster(self.epoch_key, ZERO, ZERO, header, roster)
        return self._signed(header + len(core).to_bytes(4, "big") + core + private, ZERO, ZERO)

    def check_sealed_key(self, sealed: bytes) -> None:
        """Whether the epoch key was sealed with the phrase's own randomness and no other.

        The library has no encapsulation with given randomness, so this goes the other way round:
        ML-KEM's decapsulation gives SHA3-512(m ‖ SHA3-256(key))[:32] only for the one ciphertext
        that m makes, and another secret for any other.
        """
        seed = self.keys.agreement_seed
        info = sealing.epoch_info(ZERO, ZERO, None, 0)
        if sealing.open_epoch_key(seed, info, sealed) != self.epoch_key:
            raise Refused("epoch_key")
        m, ephemeral = self.encapsulation[:32], self.encapsulation[32:]
        expanded = shake_256(seed).digest(96)
        private = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        public = private.public_key().public_bytes_raw()
        shared = private.decapsulate(sealed[:1_088])
        if shared != sha3_512(m + sha3_256(public).digest()).digest()[:32]:
            raise Refused("ml_kem")
        x25519 = X25519PrivateKey.from_private_bytes(ephemeral).public_key().public_bytes_raw()
        if sealed[1_088:1_120] != x25519:
            raise Refused("x25519")

    def content_entry(self, space: bytes, counter: int, salt: bytes, content: bytes) -> Entry:
        chain = wire.chain_next(wire.chain_start(space), 1, space)
        header = wire.header_bytes(BATCH, 0, counter, 0, 1, chain[:16], salt)
        body = sealing.seal(self.epoch_key, space, space, header, wire.pad(MARK + content))
        return self._signed(header + body, space, space)

    def open_content(self, space: bytes, entry: Entry) -> dict:
        if (entry.kind, entry.device, entry.height) != (BATCH, 0, 0) or entry.counter == 0:
            raise Refused("not_content")
        key = wire.public_key(self.keys.signing_seed)
        if not entry.is_signed_by(key, space, entry.id(space)):
            raise Refused("signature")
        padded = sealing.open_entry(self.epoch_key, space, space, entry.header, entry.body)
        text = wire.unpad(padded)
        if not text.startswith(MARK) or not cbor.is_strict_map(text[len(MARK) :]):
            raise Refused("not_content")
        return cbor.decode(text[len(MARK) :])

    def _signed(self, unsigned: bytes, space: bytes, at: bytes) -> Entry:
        entry_id = sha256(space + unsigned).digest()
        signature = wire.sign(self.keys.signing_seed, wire.signed_text(at, entry_id))
        return wire.parse_entry(unsigned + signature)
