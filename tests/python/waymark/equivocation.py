"""What proves that a member's device wrote two changes under one number (docs/protocol.md §8.7)."""

from hashlib import sha256

from . import cbor, gate, sealing, wire
from .wire import Refused

LIMIT = 2 * (262_144 + 256) + 512


def verify(raw: bytes) -> tuple[int, int, int, bytes, bytes]:
    """Document (kind, part), number, and the two entries' ids."""
    if len(raw) > LIMIT:
        raise Refused("codec")
    try:
        proof = cbor.decode(raw)
    except cbor.Malformed as error:
        raise Refused("codec") from error
    if proof[0] != 1:
        raise Refused("version")
    if cbor.encode(proof) != raw or set(proof) != {0, 1, 2, 3, 4}:
        raise Refused("not_strict")
    space, signer = proof[1], proof[2]
    entries = [wire.parse_entry(proof[n][0]) for n in (3, 4)]
    ids = [entry.id(space) for entry in entries]
    if ids[0] >= ids[1] or any(entry.kind != 2 for entry in entries):
        raise Refused("no_batches")
    for n, entry, entry_id in zip((3, 4), entries, ids):
        if not entry.is_signed_by(signer, proof[n][1], entry_id):
            raise Refused("unsigned")
    author = sha256(b"waymark/1 actor" + space + signer).digest()[:16]
    one, other = (
        opened(author, space, proof[n], entry) for n, entry in zip((3, 4), entries)
    )
    found = [
        (kind, part, number)
        for (kind, part, number), change in one.items()
        if (kind, part, number) in other and other[kind, part, number] != change
    ]
    if not found:
        raise Refused("agree")
    return *min(found), *ids


def opened(author: bytes, space: bytes, signed: dict, entry) -> dict:
    """The changes of a batch: what travels of each, by document and number."""
    info = sealing.entry_info(b"waymark/1 seal", space, signed[1], entry.header)
    try:
        padded = sealing._open(signed[2], bytes(12), entry.body, info)
        sections = gate.decode_batch(author, wire.unpad(padded))
    except Refused as error:
        raise Refused("not_opened") from error
    return {
        (section.kind, section.part, section.first + at): (change.others, change.ops)
        for section in sections
        for at, change in enumerate(section.changes)
    }
