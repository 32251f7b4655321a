"""Everything that is sealed (docs/crypto.md)."""

from hashlib import sha256, shake_256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .wire import HEADER, P, Refused

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
AGREEMENT_KEY, ENCAPSULATION, SEALED_KEY = 1_216, 1_120, 1_168


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


# --- Epoch keys ---


def agreement_key_pair(seed: bytes) -> tuple[MLKEM768X25519PrivateKey, bytes]:
    """The X-Wing key pair of a seed, and the public half as it travels."""
    expanded = shake_256(seed).digest(96)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    public = ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(ml_kem, x25519), public


def check_agreement_key(key: bytes) -> None:
    if len(key) != AGREEMENT_KEY:
        raise Refused("length")
    u = key[-32:]
    if int.from_bytes(u, "little") >= P:
        raise Refused("not_canonical")
    if has_low_order(u):
        raise Refused("low_order")
    # 768 coefficients of twelve bits, two in three bytes, lowest bits first.
    for at in range(0, 1_152, 3):
        pair = int.from_bytes(key[at : at + 3], "little")
        if pair & 0xFFF >= 3_329 or pair >> 12 >= 3_329:
            raise Refused("not_reduced")


def has_low_order(u: bytes) -> bool:
    """Whether an exchange with `u` gives zero: asked of the library, not of a list."""
    try:
        X25519PrivateKey.from_private_bytes(bytes(range(32))).exchange(
            X25519PublicKey.from_public_bytes(u)
        )
        return False
    except ValueError:
        return True


def epoch_info(space: bytes, predecessor: bytes, epoch: bytes | None, device: int) -> bytes:
    return (
        b"waymark/1 epoch key"
        + space
        + predecessor
        + (epoch or bytes(32))
        + device.to_bytes(2, "big")
    )


def open_epoch_key(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    if len(sealed) != SEALED_KEY:
        raise Refused("length")
    if has_low_order(sealed[ENCAPSULATION - 32 : ENCAPSULATION]):
        raise Refused("not_opened")
    private, _ = agreement_key_pair(seed)
    try:
        return SUITE.decrypt(sealed, private, info=info)
    except InvalidTag as error:
        raise Refused("not_opened") from error


# --- Entries ---


def entry_info(label: bytes, space: bytes, membership_entry: bytes, header: bytes) -> bytes:
    assert len(header) == HEADER
    return label + space + membership_entry + header


def entry_key(epoch_key: bytes, space: bytes, membership_entry: bytes, header: bytes):
    info = entry_info(b"waymark/1 seal", space, membership_entry, header)
    return hkdf(header[36:], epoch_key, info, 32), info


def seal(epoch_key, space, membership_entry, header, padded: bytes) -> bytes:
    key, info = entry_key(epoch_key, space, membership_entry, header)
    return ChaCha20Poly1305(key).encrypt(bytes(12), padded, info)


def open_entry(epoch_key, space, membership_entry, header, sealed: bytes) -> bytes:
    key, info = entry_key(epoch_key, space, membership_entry, header)
    return _open(key, bytes(12), sealed, info)


def roster_key(epoch_key: bytes, space: bytes, membership_entry: bytes, header: bytes):
    info = entry_info(b"waymark/1 seal roster", space, membership_entry, header)
    derived = hkdf(header[36:], epoch_key, info, 64)
    return derived[:32], derived[32:], info


def seal_roster(epoch_key, space, membership_entry, header, padded: bytes) -> bytes:
    key, commitment, info = roster_key(epoch_key, space, membership_entry, header)
    return commitment + ChaCha20Poly1305(key).encrypt(bytes(12), padded, info)


def open_roster(epoch_key, space, membership_entry, header, sealed: bytes) -> bytes:
    key, commitment, info = roster_key(epoch_key, space, membership_entry, header)
    if sealed[:32] != commitment:
        raise Refused("wrong_commitment")
    return _open(key, bytes(12), sealed[32:], info)


# --- The device's own database ---


class StorageKey:
    def __init__(self, storage_key: bytes, salt: bytes):
        self.key = hkdf(salt, storage_key, b"waymark/1 storage", 32)
        self.check_value = hkdf(salt, storage_key, b"waymark/1 storage check", 32)
        self.checksum = sha256(b"waymark/1 keyring" + salt + self.check_value).digest()

    def open(self, table: int, key: bytes, sealed: bytes) -> bytes:
        return _open(self.key, sealed[:12], sealed[12:], bytes([1, table]) + key)


def _open(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise Refused("not_opened") from error
