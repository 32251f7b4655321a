"""Evidence that a relay told two stories (docs/protocol.md, section 6.8)."""

from . import cbor
from .messages import array, data, fields, list_of, number, receipt
from .wire import Refused, chain_next, receipt_text, sign, verifies

IDS = 16_384
BYTES = 2 * IDS * 34 + 1_024

story = fields({0: receipt, 1: list_of(data(32), IDS)})
form = fields(
    {0: number(8), 1: data(32), 2: data(32), 3: array(number(64), data(32)), 4: story, 5: story}
)


def chain_to(chain: bytes, seq: int, ids: list[bytes]) -> bytes:
    for place, entry_id in enumerate(ids, seq + 1):
        chain = chain_next(chain, place, entry_id)
    return chain


def receipt_of(seed: bytes, space: bytes, generation: bytes, position: list) -> dict:
    signature = sign(seed, receipt_text(space, generation, *position))
    return {0: generation, 1: position, 2: signature}


def assemble(relay: bytes, space: bytes, place: list, shorter: dict, longer: dict) -> bytes:
    return cbor.encode({0: 1, 1: relay, 2: space, 3: place, 4: shorter, 5: longer})


def verify(raw: bytes) -> tuple[bytes, int, bytes, bytes]:
    """Generation, seq, and the two chain tags there."""
    if len(raw) > BYTES:
        raise Refused("too_large")
    item = cbor.decode(raw)
    if isinstance(item, dict) and item.get(0) != 1:
        raise Refused("version")
    if not form(item) or not cbor.is_strict_map(raw):
        raise Refused("not_strict")
    relay, space, (begin, chain) = item[1], item[2], item[3]
    said = []
    for told in (item[4], item[5]):
        generation, (seq, tag), signature = (told[0][key] for key in range(3))
        if not verifies(relay, receipt_text(space, generation, seq, tag), signature):
            raise Refused("unsigned")
        said.append((generation, seq, tag, told[1]))
    (generation, seq, tag, ids), (other_generation, end, other, longer) = said
    if generation != other_generation:
        raise Refused("generations")
    if not begin <= seq <= end:
        raise Refused("order")
    for place, wanted, entries in ((seq, tag, ids), (end, other, longer)):
        if entries is ids and not ids:
            continue
        if begin + len(entries) != place or chain_to(chain, begin, entries)[:16] != wanted:
            raise Refused("chain")
    if not longer and any(chain[16:]):
        raise Refused("chain")
    there = chain_to(chain, begin, longer[: seq - begin])[:16]
    if there == tag:
        raise Refused("agree")
    return generation, seq, tag, there
