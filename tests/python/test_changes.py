"""Batches, changes and snapshots."""

from vectors import Case, flipped, load, unhex
from waymark import automerge, forgetting, gate, membership, records, snapshots
from waymark.wire import Refused


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
            chunk, digest = automerge.rebuild(change)
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
            self.assertNotEqual(automerge.rebuild(change)[1].hex(), vector["hash"])

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
                digest = automerge.rebuild(change)[1]
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
        snapshot = snapshots.decode_snapshot([part])
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
        self.assertEqual(snapshots.digest_of(snapshot.hashes).hex(), vector["digest"])
        for wrong in (part[:-1], part + b"\0", part[:6] + b"\0\1\0\2" + part[10:]):
            with self.assertRaises(Refused):
                snapshots.decode_snapshot([wrong])

    def test_what_is_left_where_something_is_forgotten(self):
        for vector in self.vectors["forgotten"]:
            before = [gate.read_stored(unhex(told["stored"])) for told in vector["changes"]]
            hashes = [automerge.rebuild(change)[1] for change in before]
            gone = (set(map(unhex, vector[name])) for name in ("records", "texts"))
            after = forgetting.forget(before, hashes, *gone)
            for was, now, told in zip(before, after, vector["changes"], strict=True):
                self.assertEqual((was.seq, was.start_op), (now.seq, now.start_op))
                self.assertEqual(list(map(gate.length, was.ops)), list(map(gate.length, now.ops)))
                chunk, digest = automerge.rebuild(now)
                self.assertEqual(chunk.hex(), told["chunk"], vector["what"])
                self.assertEqual(digest.hex(), told["hash"], vector["what"])
                said = {op.data for op in was.ops if isinstance(op, gate.Record)}
                for op in now.ops:
                    if isinstance(op, gate.Record) and op.data not in said:
                        self.assertEqual(records.check(op.data)[0], 13)
            self.assertNotEqual(hashes, [automerge.rebuild(change)[1] for change in after])

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
