"""Records, and which of them count."""

from vectors import Case, load, unhex
from waymark import automerge, cbor, gate, records


class Records(Case):
    def setUp(self):
        self.vectors = load("records")

    def test_records(self):
        for vector in self.vectors["records"]:
            data = unhex(vector["bytes"])
            self.assertEqual(gate.record_id(data).hex(), vector["id"])
            self.assertEqual(automerge.root_key("", unhex(vector["id"])).decode(), vector["key"])
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
