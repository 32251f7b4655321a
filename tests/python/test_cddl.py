"""The CDDL of docs/protocol.md and docs/crypto.md, held against the vectors.

The schema is written for a second implementation. Where it took what the vectors do not hold, or
refused what they hold, that implementation would speak another protocol.
"""

import copy
import re
import textwrap
import unittest
from base64 import urlsafe_b64decode

from cddl_verifier import Validator, schema_diagnostics

from vectors import VECTORS, load, unhex
from waymark import cbor, wire
from waymark.pairing import Link, open_slot

DOCS = VECTORS.parent


def schema() -> str:
    blocks = []
    for name in ("protocol.md", "crypto.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        found = re.findall(r"^( *)```cddl\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
        blocks += [textwrap.dedent(block) for _, block in found]
    return "\n".join(blocks)


def vectors():
    """Rule, name and bytes of all that is CBOR in the vectors."""

    def told(rule, what, *items):
        for number, item in enumerate(items):
            yield rule, f"{what} {number}", unhex(item["bytes"] if isinstance(item, dict) else item)

    messages = load("messages")
    for path in ("append", "pull", "mailbox"):
        yield from told(f"{path}-request", path, *messages[path]["requests"])
    yield from told("append-answer", "append", messages["append"]["answer"])
    yield from told("frame", "frame", *messages["pull"]["frames"])
    yield from told("status-request", "status", messages["status"]["request"])
    yield from told("status-answer", "status", *messages["status"]["answers"])
    yield from told("mailbox-answer", "mailbox", *messages["mailbox"]["answers"])
    yield from told("wake-request", "wake", *messages["wake"]["requests"])
    yield from told("wake-answer", "wake", messages["wake"]["answer"])
    yield from told("refusal", "refusal", *messages["refusals"])

    members, life = load("membership"), load("life")
    for entry in members["entries"] + life["entries"]:
        yield from told("core", "core", entry["core"])
        yield from told("roster", "roster", entry["roster"])
        if entry.get("forgotten"):
            yield from told("forgotten", "forgotten", entry["forgotten"])
    card = members["card"]["card"]
    yield from told("card", "card", card)
    yield "card-body", "a card's body", cbor.decode(unhex(card))[0]
    yield from told("welcome", "welcome", members["welcome"]["welcome"])
    for name in ("reserve", "place", "gone"):
        yield from told("listed", name, life["listed"][name])

    entries = load("entries")
    for vector in entries["acks"]:
        # What only a later version says is longer than the schema of this one.
        if isinstance(vector["outcome"], dict) and "key more" not in vector["what"]:
            yield "ack", vector["what"], wire.unpad(unhex(vector["body"]))
    for vector in entries["checkpoints"]["bodies"]:
        if isinstance(vector["outcome"], dict) and "key more" not in vector["what"]:
            body = unhex(vector["body"])
            length = int.from_bytes(body[:4], "big")
            yield "checkpoint", vector["what"], body[4 : 4 + length]
    yield from told("private", "private", entries["checkpoints"]["private"]["text"])

    evidence = load("evidence")
    yield from told("evidence", "evidence", *evidence["proofs"])
    yield from told("member-evidence", "evidence", evidence["members"]["proof"])

    yield from told("record", "record", *load("records")["records"])
    items = load("items")
    yield from told("item", "item", *items["items"])
    yield from told("record", "item", items["items"][0])

    for phrase in load("recovery")["phrases"]:
        for content in phrase["contents"]:
            yield from told("beacon-content", "content", content["content"])
    pairing = load("pairing")
    for link in pairing["links"]:
        packed = link["text"].removeprefix("waymark:")[1:]
        yield "link-body", link["text"], urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    slots = ("offer", "answer", "reveal", "yes", "pairing-welcome")
    for run in pairing["runs"]:
        for slot in run["slots"]:
            text = unhex(slot["text"])
            yield slots[cbor.decode(text)[0]], f"slot {slot['slot']}", text
    secret = Link.parse(pairing["runs"][0]["link"]).secret
    for vector in pairing["refused"]:
        if vector["outcome"] in ("declined", "codes_differ"):
            text = open_slot(secret, vector["slot"], unhex(vector["sealed"]))
            yield "pairing-refusal", vector["what"], text


# What no rule takes: no integer, no bytes, no text, no flag, no list, no map.
ALIEN = 1.5


# Rules in which no bytes may be longer.
FIXED = ("core", "welcome", "checkpoint", "beacon-content", "evidence", "listed")


def is_open(rule: str, item, at: tuple) -> bool:
    """Whether the schema says nothing of what is there, on purpose."""
    if rule == "ack":
        return at not in [(), (0,)]  # A later version's may say anything beside its code.
    is_item = rule in ("item", "record") and item[0] >= 14
    return is_item and len(at) > 1 and at[0] == 2


def places(item, at=()):
    """The path of everything in an item, itself included; of a long list its beginning."""
    yield at
    if isinstance(item, list):
        for number, part in enumerate(item[:8]):
            yield from places(part, (*at, number))
    elif isinstance(item, dict):
        for key, part in item.items():
            yield from places(part, (*at, key))


def changed(item, at, change):
    """A copy in which `change` was made to what is at a path."""
    if not at:
        return change(item)
    item = copy.deepcopy(item)
    holder = item
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = change(holder[at[-1]])
    return item


def mutations(rule: str, data: bytes):
    """What is almost a vector: cut, followed by more, with a part that is none of its kind, with a key
    that nobody knows, with a fixed length missed by a byte."""
    item = cbor.decode(data)
    yield from (data + b"\0", data[:-1], cbor.encode([item]))
    for at in places(item):
        if is_open(rule, item, at):
            continue
        yield cbor.encode(changed(item, at, lambda _: ALIEN))
        part = item
        for key in at:
            part = part[key]
        if isinstance(part, dict) and not is_open(rule, item, (*at, 4_711)):
            yield cbor.encode(changed(item, at, lambda it: {**it, 4_711: 0}))
        if isinstance(part, bytes) and rule in FIXED:
            yield cbor.encode(changed(item, at, lambda it: it + b"\0"))


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = schema()
        cls.validator = Validator(cls.text)

    def takes(self, rule: str, data: bytes) -> bool:
        return self.validator.validate(data, root_type=rule).valid

    def test_it_is_one_schema(self):
        self.assertEqual([found.message for found in schema_diagnostics(self.text)], [])

    def test_every_rule_is_shown_by_a_vector(self):
        bare = re.sub(r";.*", "", self.text)
        names = re.findall(r"(?:^|  )([a-z][a-z0-9-]*) += ", bare, re.MULTILINE)
        uses = re.findall(r"(?<![a-z0-9-])[a-z][a-z0-9-]*(?![a-z0-9-])(?! *:)", bare)
        alone = {name for name in names if uses.count(name) == 1}
        shown = {rule for rule, _, _ in vectors()}
        # A carry's body is a batch of the vectors in an envelope; none of them is one.
        self.assertEqual(alone - shown, {"carry"})
        self.assertGreater(len(alone), 20)

    def test_every_vector_fits(self):
        for rule, what, data in vectors():
            with self.subTest(rule, what=what):
                self.assertEqual(self.validator.validate(data, root_type=rule).errors, ())

    def test_nothing_else_does(self):
        tried = 0
        for rule, what, data in vectors():
            for wrong in mutations(rule, data):
                tried += 1
                self.assertFalse(self.takes(rule, wrong), f"{rule} {what}: {wrong.hex()}")
        self.assertGreater(tried, 1_000)
