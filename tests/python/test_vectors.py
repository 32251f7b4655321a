"""Reproduces docs/vectors from the documents alone.

    python3 -m venv target/venv && target/venv/bin/pip install -r tests/python/requirements.txt
    target/venv/bin/python -m unittest discover -s tests/python
"""

import json
import unittest
from hashlib import sha256
from pathlib import Path

from waymark import cbor, gate, membership, messages, records, sealing, wire
from waymark.wire import Refused, parse_entry

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "vectors"


def load(name: str) -> dict:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def unhex(text):
    return None if text is None else bytes.fromhex(text)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


class Case(unittest.TestCase):
    def outcome(self, work) -> str:
        try:
            work()
            return "ok"
        except Refused as refused:
            return str(refused)


class Entries(Case):
    def setUp(self):
        self.vectors = load("entries")

    def test_padding(self):
        padding = self.vectors["padding"]
        for size in padding["sizes"]:
            self.assertEqual(len(wire.pad(bytes(size["text"]))), size["padded"])
        for text in padding["texts"]:
            self.assertEqual(wire.pad(unhex(text["text"])), unhex(text["padded"]))
            self.assertEqual(wire.unpad(unhex(text["padded"])), unhex(text["text"]))
        allowed = [length for length in range(256, 601) if wire.is_padded(length)]
        self.assertEqual(allowed, padding["allowed_from_256_to_600"])
        for text in padding["without_end_mark"]:
            self.assertEqual(self.outcome(lambda: wire.unpad(unhex(text))), "not_padded")

    def test_signing_keys(self):
        for key in self.vectors["signing_keys"]["honest"]:
            seed, message = unhex(key["seed"]), unhex(key["message"])
            self.assertEqual(wire.public_key(seed).hex(), key["public"])
            self.assertEqual(wire.sign(seed, message).hex(), key["signature"])
            wire.check_signing_key(unhex(key["public"]))
            self.assertFalse(
                wire.verifies(unhex(key["public"]), message, flipped(unhex(key["signature"]), 3))
            )
        for key in self.vectors["signing_keys"]["refused"]:
            self.assertEqual(
                self.outcome(lambda: wire.check_signing_key(unhex(key["key"]))), key["why"]
            )

    def test_entries(self):
        for vector in self.vectors["entries"]:
            header, space = vector["header"], unhex(vector["space"])
            at, seed = unhex(vector["membership_entry"]), unhex(vector["seed"])
            packed = wire.header_bytes(
                header["kind"],
                header["device"],
                header["counter"],
                header["height"],
                header["seen_seq"],
                unhex(header["seen_chain"]),
                unhex(header["salt"]),
            )
            self.assertEqual(packed.hex(), header["bytes"])
            unsigned = packed + unhex(vector["body"])
            entry_id = sha256(space + unsigned).digest()
            self.assertEqual(entry_id.hex(), vector["id"])
            signature = wire.sign(seed, wire.signed_text(at, entry_id))
            self.assertEqual(signature.hex(), vector["signature"])
            self.assertEqual((unsigned + signature).hex(), vector["bytes"])

            entry, key = parse_entry(unhex(vector["bytes"])), wire.public_key(seed)
            self.assertEqual(entry.id(space), entry_id)
            self.assertTrue(entry.is_signed_by(key, at, entry_id))
            # Altered anywhere, or read as another space's or another height's, it is nobody's.
            for place in range(0, len(entry.raw), 7):
                try:
                    altered = parse_entry(flipped(entry.raw, place))
                except Refused:
                    continue
                self.assertFalse(altered.is_signed_by(key, at, altered.id(space)), place)
            self.assertFalse(entry.is_signed_by(key, flipped(at, 0), entry_id))
            self.assertFalse(entry.is_signed_by(key, at, entry.id(flipped(space, 31))))

    def test_forms(self):
        for form in self.vectors["forms"]:
            raw = bytearray(form["length"])
            raw[:2] = bytes([form["version"], form["kind"]])[: form["length"]]
            self.assertEqual(self.outcome(lambda: parse_entry(bytes(raw))), form["outcome"], form)

    def test_acks(self):
        for vector in self.vectors["acks"]:
            said = wire.read_ack(unhex(vector["body"]))
            if said is None:
                outcome = "unreadable"
            else:
                outcome = {
                    1: lambda epoch: {"key_refused": epoch},
                    2: lambda about: {"checkpoint_ok": about.hex()},
                    3: lambda about, fault: {"checkpoint_bad": about.hex(), "fault": fault},
                }.get(said[0], lambda _: {"unknown": said[0]})(*said[1:])
            self.assertEqual(outcome, vector["outcome"], vector["what"])
        (ack,) = [e for e in self.vectors["entries"] if e["header"]["kind"] == wire.ACK]
        self.assertEqual(wire.read_ack(unhex(ack["body"])), (1, 7))
        self.assertEqual(wire.pad(cbor.encode({0: 1, 1: 7})).hex(), ack["body"])

    def test_checkpoints(self):
        vectors = self.vectors["checkpoints"]
        for vector in vectors["bodies"]:
            try:
                public, private = wire.read_checkpoint(unhex(vector["body"]))
                outcome = {
                    "seq": public[0],
                    "chain": public[1].hex(),
                    "height": public[2],
                    "counters": public[3],
                    "snapshots": len(public.get(4, [])),
                    "kept": [seq for seq, _ in public.get(5, [])],
                    "private": private,
                }
            except Refused as refused:
                outcome = str(refused)
            self.assertEqual(outcome, vector["outcome"], vector["what"])
        whole = unhex(vectors["bodies"][0]["body"])
        public, private = wire.read_checkpoint(whole)
        text = cbor.encode(public)
        self.assertEqual(len(text).to_bytes(4, "big") + text + whole[-private:], whole)
        private = vectors["private"]
        documents = [[*of, unhex(digest)] for *of, digest in private["documents"]]
        self.assertEqual(cbor.encode({0: documents}).hex(), private["text"])

    def test_chain(self):
        vector = self.vectors["chain"]
        chain = wire.chain_start(unhex(vector["space"]))
        self.assertEqual(chain.hex(), vector["start"])
        for step in vector["steps"]:
            chain = wire.chain_next(chain, step["seq"], unhex(step["id"]))
            self.assertEqual((chain.hex(), chain[:16].hex()), (step["chain"], step["tag"]))

    def test_read_proof(self):
        proof = self.vectors["read_proof"]
        text = wire.proof_text(
            unhex(proof["relay"]), unhex(proof["nonce"]), unhex(proof["space"]), proof["device"]
        )
        self.assertEqual(wire.sign(unhex(proof["seed"]), text).hex(), proof["signature"])

    def test_receipt(self):
        receipt = self.vectors["receipt"]
        text = wire.receipt_text(
            unhex(receipt["space"]),
            unhex(receipt["generation"]),
            receipt["seq"],
            unhex(receipt["chain"]),
        )
        self.assertEqual(wire.public_key(unhex(receipt["relay_seed"])).hex(), receipt["relay"])
        self.assertEqual(wire.sign(unhex(receipt["relay_seed"]), text).hex(), receipt["signature"])
        self.assertFalse(
            wire.verifies(unhex(receipt["relay"]), flipped(text, 80), unhex(receipt["signature"]))
        )


class Sealing(Case):
    def setUp(self):
        self.vectors = load("sealing")

    def test_epoch_keys(self):
        vectors = self.vectors["epoch_keys"]
        seed = unhex(vectors["recipient_seed"])
        _, public = sealing.agreement_key_pair(seed)
        self.assertEqual(public.hex(), vectors["recipient_public"])
        for vector in vectors["sealed"]:
            info = sealing.epoch_info(
                unhex(vector["space"]),
                unhex(vector["predecessor"]),
                unhex(vector["epoch"]),
                vector["device"],
            )
            self.assertEqual(info.hex(), vector["info"])
            sealed = unhex(vector["sealed"])
            opened = sealing.open_epoch_key(seed, info, sealed)
            self.assertEqual(opened.hex(), vectors["epoch_key"])
            low = sealed[:1_088] + bytes(32) + sealed[1_120:]
            for wrong in [flipped(sealed, 0), flipped(sealed, 1_100), flipped(sealed, 1_167), low]:
                refused = self.outcome(lambda: sealing.open_epoch_key(seed, info, wrong))
                self.assertEqual(refused, "not_opened")
            for other in [flipped(info, 20), flipped(info, len(info) - 1)]:
                refused = self.outcome(lambda: sealing.open_epoch_key(seed, other, sealed))
                self.assertEqual(refused, "not_opened")

    def test_agreement_keys(self):
        good = unhex(self.vectors["epoch_keys"]["recipient_public"])
        for vector in self.vectors["agreement_keys"]["x25519"]:
            key = good[:-32] + unhex(vector["x25519"])
            self.assertEqual(
                self.outcome(lambda: sealing.check_agreement_key(key)), vector["outcome"]
            )
        for vector in self.vectors["agreement_keys"]["ml_kem"]:
            pair = vector["first_coefficient"] | (good[1] >> 4) << 12
            key = pair.to_bytes(2, "little") + good[2:]
            self.assertEqual(
                self.outcome(lambda: sealing.check_agreement_key(key)), vector["outcome"]
            )

    def test_entries_and_rosters(self):
        for vector in self.vectors["entries"]:
            place = [
                unhex(vector[name]) for name in ("epoch_key", "space", "membership_entry", "header")
            ]
            roster = vector["form"] == "roster"
            derived = sealing.roster_key(*place) if roster else sealing.entry_key(*place)
            self.assertEqual(derived[0].hex(), vector["one_off_key"])
            if roster:
                self.assertEqual(derived[1].hex(), vector["commitment"])
            seal = sealing.seal_roster if roster else sealing.seal
            open_sealed = sealing.open_roster if roster else sealing.open_entry
            sealed, padded = unhex(vector["sealed"]), unhex(vector["padded"])
            self.assertEqual(seal(*place, padded), sealed)
            self.assertEqual(open_sealed(*place, sealed), padded)
            for at in (0, 40, len(sealed) - 1):
                with self.assertRaises(Refused):
                    open_sealed(*place, flipped(sealed, at))
            for part in range(4):
                moved = list(place)
                moved[part] = flipped(moved[part], 5)
                with self.assertRaises(Refused):
                    open_sealed(*moved, sealed)

    def test_another_key_is_told_from_altered_bytes(self):
        vector = self.vectors["entries"][1]
        key, *place = [
            unhex(vector[name]) for name in ("epoch_key", "space", "membership_entry", "header")
        ]
        sealed = unhex(vector["sealed"])
        other = self.outcome(lambda: sealing.open_roster(flipped(key, 0), *place, sealed))
        self.assertEqual(other, "wrong_commitment")
        altered = self.outcome(lambda: sealing.open_roster(key, *place, flipped(sealed, 32)))
        self.assertEqual(altered, "not_opened")

    def test_storage(self):
        vectors = self.vectors["storage"]
        key = sealing.StorageKey(unhex(vectors["storage_key"]), unhex(vectors["salt"]))
        self.assertEqual(key.key.hex(), vectors["database_key"])
        self.assertEqual(key.check_value.hex(), vectors["check_value"])
        self.assertEqual(key.checksum.hex(), vectors["keyring_checksum"])
        for row in vectors["rows"]:
            sealed, place = unhex(row["sealed"]), unhex(row["key"])
            self.assertEqual(key.open(row["table"], place, sealed).hex(), row["value"])
            for work in (
                lambda: key.open(row["table"] + 1, place, sealed),
                lambda: key.open(row["table"], place + b"x", sealed),
                lambda: key.open(row["table"], place, flipped(sealed, 0)),
            ):
                self.assertEqual(self.outcome(work), "not_opened")


class Membership(Case):
    def setUp(self):
        self.vectors = load("membership")
        self.space = unhex(self.vectors["space"])

    def replay(self) -> membership.Membership:
        first, *rest = [parse_entry(unhex(e["entry"])) for e in self.vectors["entries"]]
        state = membership.Membership(first)
        for entry in rest:
            state.apply(entry)
        return state

    def test_chain_of_entries(self):
        state = self.replay()
        self.assertEqual(state.space, self.space)
        names = {1: "read", 3: "write", 7: "admin"}
        for member, vector in zip(state.members, self.vectors["members"], strict=True):
            self.assertEqual(member.device, vector["device"])
            self.assertEqual(member.person.hex(), vector["person"])
            self.assertEqual(member.signing_key.hex(), vector["signing_key"])
            self.assertEqual(member.agreement_key.hex(), vector["agreement_key"])
            self.assertEqual(names[member.rights], vector["rights"])
            self.assertEqual(member.since, vector["since"])
            actor = membership.actor(self.space, member.signing_key)
            self.assertEqual(actor.hex(), vector["actor"])

    def test_ids_and_chain(self):
        chain = wire.chain_start(self.space)
        for height, vector in enumerate(self.vectors["entries"]):
            entry = parse_entry(unhex(vector["entry"]))
            entry_id = entry.id(wire.ZERO if height == 0 else self.space)
            self.assertEqual(entry_id.hex(), vector["id"])
            chain = wire.chain_next(chain, vector["seq"], entry_id)
            self.assertEqual(chain.hex(), vector["chain"])
        self.assertEqual(self.vectors["entries"][0]["id"], self.vectors["space"])

    def test_what_members_open(self):
        epoch_key = unhex(self.vectors["epoch_key"])
        for height, vector in enumerate(self.vectors["entries"]):
            entry = parse_entry(unhex(vector["entry"]))
            self.assertEqual(vector["height"], height)
            core, raw, private = membership.parse_body(entry.body)
            text = wire.signed_text(core.previous, unhex(vector["id"]))
            self.assertEqual(wire.sign(unhex(vector["signer_seed"]), text), entry.signature)
            self.assertEqual(raw.hex(), vector["core"])
            self.assertEqual(cbor.encode(cbor.decode(raw)), raw)
            space = wire.ZERO if height == 0 else self.space
            padded = sealing.open_roster(epoch_key, space, core.previous, entry.header, private)
            roster = wire.unpad(padded)
            self.assertEqual(roster.hex(), vector["roster"])
            said = cbor.decode(roster)
            added = [op.device for op in core.ops]
            self.assertEqual([member[0] for member in said[0]], added)
            for member in said[0]:
                self.assertEqual(set(member), set(range(6)))
            self.assertEqual(set(said), {0, 1, 2} if height == 0 else {0})
            if height == 0:
                relay = self.vectors["relay"]
                self.assertEqual(said[2], {0: relay["url"], 1: unhex(relay["key"])})

            by_hash = {
                membership.attachment_hash(data): data for data in map(unhex, vector["attachments"])
            }
            self.assertEqual(len(by_hash), 2 * len(added))
            for op, (device, sealed), keys in zip(core.ops, core.keys, vector["added"], strict=True):
                self.assertEqual(by_hash[op.agreement_key].hex(), keys["agreement_key"])
                seed = unhex(keys["agreement_seed"])
                self.assertEqual(sealing.agreement_key_pair(seed)[1].hex(), keys["agreement_key"])
                self.assertEqual(wire.public_key(unhex(keys["signing_seed"])), op.signing_key)
                info = sealing.epoch_info(
                    space, core.previous, None if height == 0 else self.space, device
                )
                opened = sealing.open_epoch_key(seed, info, by_hash[sealed])
                self.assertEqual(opened, epoch_key)

    def test_rules_and_their_order(self):
        for vector in self.vectors["refused"]:
            state, entry = self.replay(), parse_entry(unhex(vector["entry"]))
            self.assertEqual(
                self.outcome(lambda: state.apply(entry)), vector["outcome"], vector["what"]
            )
        for vector in self.vectors["refused_first"]:
            entry = parse_entry(unhex(vector["entry"]))
            outcome = self.outcome(lambda: membership.Membership(entry))
            self.assertEqual(outcome, vector["outcome"], vector["what"])

    def test_which_batches_count(self):
        state = self.replay()
        for vector in self.vectors["batches"]:
            entry = parse_entry(unhex(vector["entry"]))
            self.assertEqual(
                self.outcome(lambda: state.admit(entry)), vector["outcome"], vector["what"]
            )

    def test_card(self):
        vector = self.vectors["card"]
        data = unhex(vector["card"])
        card = membership.parse_card(data)
        self.assertEqual(card["name"], vector["name"])
        self.assertEqual(card["device_name"], vector["device_name"])
        self.assertEqual(card["level"], vector["level"])
        self.assertEqual([keys[0].hex() for keys in card["keys"]], vector["signing_keys"])
        self.assertEqual([keys[2].hex() for keys in card["keys"]], vector["agreement_keys"])
        self.assertEqual(cbor.encode(cbor.decode(data)), data)
        for at in range(0, len(data), 17):
            with self.assertRaises(Refused, msg=f"byte {at}"):
                membership.parse_card(flipped(data, at))

    def test_welcome(self):
        vector = self.vectors["welcome"]
        space = {
            0: unhex(vector["space"]),
            1: vector["kind"],
            2: {0: vector["relay_url"], 1: unhex(vector["relay_key"])},
            3: unhex(vector["signing_key"]),
            4: unhex(vector["added_by"]),
            5: [vector["reaches_seq"], unhex(vector["reaches_chain"])],
            6: vector["device"],
        }
        self.assertEqual(cbor.decode(unhex(vector["welcome"])), {0: [space]})
        self.assertEqual(cbor.encode({0: [space]}), unhex(vector["welcome"]))


class Changes(Case):
    def setUp(self):
        self.vectors = load("changes")

    def test_actors(self):
        space = unhex(self.vectors["space"])
        for vector in self.vectors["actors"]:
            actor = membership.actor(space, unhex(vector["signing_key"]))
            self.assertEqual(actor.hex(), vector["actor"])

    def test_changes_are_rebuilt_as_automerge_made_them(self):
        for vector in self.vectors["changes"]:
            change = gate.read_stored(unhex(vector["stored"]))
            self.assertEqual(change.actor.hex(), vector["actor"])
            self.assertEqual((change.seq, change.start_op), (vector["seq"], vector["start_op"]))
            self.assertEqual(change.previous, unhex(vector["previous"]))
            self.assertEqual([other.hex() for other in change.others], vector["others"])
            self.assertEqual([described(op) for op in change.ops], vector["ops"])
            chunk, digest = gate.rebuild(change)
            self.assertEqual(chunk.hex(), vector["chunk"], vector["what"])
            self.assertEqual(digest.hex(), vector["hash"])

    def test_another_change_has_another_hash(self):
        vector = self.vectors["changes"][0]
        for alter in (
            lambda change: setattr(change, "seq", 2),
            lambda change: setattr(change, "start_op", 2),
            lambda change: setattr(change, "actor", flipped(change.actor, 0)),
            lambda change: setattr(change, "ops", [gate.Record(b"other")]),
        ):
            change = gate.read_stored(unhex(vector["stored"]))
            alter(change)
            self.assertNotEqual(gate.rebuild(change)[1].hex(), vector["hash"])

    def test_sections(self):
        """A section says what its changes need; the receiver adds the rest."""
        known = {v["hash"]: v for v in self.vectors["changes"]}
        max_op = {
            v["hash"]: v["start_op"] + gate.read_stored(unhex(v["stored"])).operations() - 1
            for v in known.values()
        }
        for vector in self.vectors["sections"]:
            author, raw = unhex(vector["author"]), unhex(vector["raw"])
            reader = gate.Reader(raw)
            section = gate.read_section(author, reader, gate.CHANGES)
            self.assertTrue(reader.is_empty())
            self.assertEqual((section.kind, section.part), (vector["kind"], vector["part"]))
            self.assertEqual(section.first, vector["first"])
            self.assertEqual(len(section.changes), vector["changes"])
            own = {v["seq"]: v["hash"] for v in known.values() if v["actor"] == vector["author"]}
            for seq, change in enumerate(section.changes, section.first):
                change.seq = seq
                change.previous = unhex(own[seq - 1]) if seq > 1 else None
                depends = [*change.others, *filter(None, [change.previous])]
                change.start_op = 1 + max((max_op[dep.hex()] for dep in depends), default=0)
                digest = gate.rebuild(change)[1]
                self.assertEqual(digest.hex(), own[seq])
            self.assertEqual(digest[:8], section.check)

    def test_batches(self):
        for vector in self.vectors["batches"]:
            author, data = unhex(vector["author"]), unhex(vector["bytes"])
            sections = gate.decode_batch(author, data)
            for section, said in zip(sections, vector["sections"], strict=True):
                self.assertEqual(section.raw.hex(), said["raw"])
                self.assertEqual((section.kind, section.part), (said["kind"], said["part"]))
                self.assertEqual((section.first, len(section.changes)), (said["first"], said["changes"]))
                self.assertEqual(said["author"], vector["author"])
            with self.assertRaises(Refused):
                gate.decode_batch(author, data + b"\0")
            for cut in (1, len(data) // 2, len(data) - 1):
                with self.assertRaises(Refused):
                    gate.decode_batch(author, data[:cut])

    def test_a_snapshot(self):
        """Every change of it is rebuilt from what the order says."""
        vector = self.vectors["snapshot"]
        part = unhex(vector["part"])
        snapshot = gate.decode_snapshot([part])
        self.assertEqual((snapshot.kind, snapshot.part), (vector["kind"], vector["document_part"]))
        self.assertEqual(len(snapshot.changes), vector["changes"])
        known = {v["hash"]: v for v in self.vectors["changes"]}
        for change, digest in zip(snapshot.changes, snapshot.hashes, strict=True):
            told = known[digest.hex()]
            self.assertEqual((change.seq, change.start_op), (told["seq"], told["start_op"]))
            self.assertEqual([described(op) for op in change.ops], told["ops"])
        for author in vector["authors"]:
            seqs = [c.seq for c in snapshot.changes if c.actor.hex() == author["actor"]]
            self.assertEqual(max(seqs), author["changes"])
        self.assertEqual(gate.digest_of(snapshot.hashes).hex(), vector["digest"])
        for wrong in (part[:-1], part + b"\0", part[:6] + b"\0\1\0\2" + part[10:]):
            with self.assertRaises(Refused):
                gate.decode_snapshot([wrong])

    def test_what_is_left_where_something_is_forgotten(self):
        for vector in self.vectors["forgotten"]:
            before = [gate.read_stored(unhex(told["stored"])) for told in vector["changes"]]
            hashes = [gate.rebuild(change)[1] for change in before]
            gone = (set(map(unhex, vector[name])) for name in ("records", "texts"))
            after = gate.forget(before, hashes, *gone)
            for was, now, told in zip(before, after, vector["changes"], strict=True):
                self.assertEqual((was.seq, was.start_op), (now.seq, now.start_op))
                self.assertEqual(list(map(gate.length, was.ops)), list(map(gate.length, now.ops)))
                chunk, digest = gate.rebuild(now)
                self.assertEqual(chunk.hex(), told["chunk"], vector["what"])
                self.assertEqual(digest.hex(), told["hash"], vector["what"])
                said = {op.data for op in was.ops if isinstance(op, gate.Record)}
                for op in now.ops:
                    if isinstance(op, gate.Record) and op.data not in said:
                        self.assertEqual(records.check(op.data)[0], 13)
            self.assertNotEqual(hashes, [gate.rebuild(change)[1] for change in after])

    def test_what_is_no_batch(self):
        author = unhex(self.vectors["actors"][0]["actor"])
        for vector in self.vectors["refused"]:
            outcome = self.outcome(lambda: gate.decode_batch(author, unhex(vector["bytes"])))
            self.assertEqual(outcome, vector["reason"], vector["what"])


def described(op) -> dict:
    def op_id(at):
        return None if at is None else {"counter": at.counter, "actor": at.actor.hex()}

    match op:
        case gate.Record():
            return {"op": "record", "bytes": op.data.hex()}
        case gate.MakeText():
            return {"op": "make_text", "id": op.id.hex()}
        case gate.Insert():
            text, after = op_id(op.text), op_id(op.after)
            return {"op": "insert", "text": text, "after": after, "chars": op.chars}
        case gate.Delete():
            text, first = op_id(op.text), op_id(op.first)
            return {"op": "delete", "text": text, "first": first, "count": op.count}


class Records(Case):
    def setUp(self):
        self.vectors = load("records")

    def test_records(self):
        for vector in self.vectors["records"]:
            data = unhex(vector["bytes"])
            self.assertEqual(gate.record_id(data).hex(), vector["id"])
            self.assertEqual(gate.root_key("", unhex(vector["id"])).decode(), vector["key"])
            self.assertTrue(cbor.is_strict_map(data), vector["what"])
            self.assertEqual(cbor.encode(cbor.decode(data)), data, vector["what"])
            self.assertEqual(self.outcome(lambda: records.check(data)), "ok", vector["what"])
            self.assertEqual(records.document(data), vector["document"], vector["what"])

    def test_what_is_left_out(self):
        for vector in self.vectors["left_out"]:
            if vector["reason"] == "unknown_reference":
                continue  # Decided beside the other records, which is the model's part.
            outcome = self.outcome(lambda: records.check(unhex(vector["bytes"])))
            self.assertEqual(outcome, vector["reason"] or "ok", vector["what"])


    def test_what_voids_undo(self):
        for vector in self.vectors["voids"]:
            found = [
                {
                    "document": (r["document"]["kind"], r["document"]["part"]),
                    "id": unhex(r["id"]),
                    "record": records.check(unhex(r["bytes"])),
                    "puts": [(p["counter"], unhex(p["actor"]), p["role"]) for p in r["puts"]],
                }
                for r in vector["records"]
            ]
            undone = {
                unhex(left["id"]): {unhex(by) for by in left["undone_by"]}
                for left in vector["left_out"]
                if left["reason"] == "voided"
            }
            self.assertEqual(records.voided(found), undone, vector["what"])


class Messages(Case):
    def setUp(self):
        self.vectors = load("messages")

    def all(self):
        append, pull, status = (self.vectors[name] for name in ("append", "pull", "status"))
        yield from (("append_request", message) for message in append["requests"])
        yield "append_answer", append["answer"]
        yield from (("pull_request", message) for message in pull["requests"])
        yield from (("frame", message) for message in pull["frames"])
        yield "status_request", status["request"]
        yield from (("status_answer", message) for message in status["answers"])
        mailbox = self.vectors["mailbox"]
        yield from (("mailbox_request", message) for message in mailbox["requests"])
        yield from (("mailbox_answer", message) for message in mailbox["answers"])
        yield from (("refusal", message) for message in self.vectors["refusals"])

    def test_messages_fit_their_definition(self):
        for kind, vector in self.all():
            data = unhex(vector["bytes"])
            item = cbor.decode(data)
            messages.check(kind, item)
            self.assertEqual(messages.diagnostic(item), vector["diagnostic"])
            self.assertEqual(cbor.encode(item), data)
            with self.assertRaises(cbor.Malformed):
                cbor.decode(data[:-1])
            with self.assertRaises(cbor.Malformed):
                cbor.decode(data + b"\0")

    def test_what_no_mailbox_takes_or_holds(self):
        mailbox = self.vectors["mailbox"]
        for kind in ("request", "answer"):
            for vector in mailbox[f"no_{kind}s"]:
                item = cbor.decode(unhex(vector["bytes"]))
                self.assertEqual(messages.diagnostic(item), vector["diagnostic"])
                with self.assertRaises(AssertionError, msg=vector["what"]):
                    messages.check(f"mailbox_{kind}", item)

    def test_proofs_and_receipts_in_them(self):
        relay = unhex(self.vectors["relay"])
        chain = load("membership")
        key = unhex(chain["members"][1]["signing_key"])
        asked = cbor.decode(unhex(self.vectors["pull"]["requests"][1]["bytes"]))[0][0]
        proof = asked[0]
        text = wire.proof_text(relay, proof[2], proof[0], proof[1])
        self.assertTrue(wire.verifies(key, text, proof[3]))
        self.assertFalse(wire.verifies(key, flipped(text, 14), proof[3]))

        page = cbor.decode(unhex(self.vectors["pull"]["frames"][4]["bytes"]))
        receipt = page[2]
        seq, tag = receipt[1]
        self.assertEqual(tag.hex(), chain["entries"][seq - 1]["chain"][:32])
        text = wire.receipt_text(unhex(chain["space"]), receipt[0], seq, tag)
        self.assertTrue(wire.verifies(relay, text, receipt[2]))

    def test_codes(self):
        self.assertEqual(
            [(code["number"], code["name"], code["status"]) for code in self.vectors["codes"]],
            messages.CODES,
        )


if __name__ == "__main__":
    unittest.main()
