"""Items, from the tables of the document alone."""

from vectors import Case, load, unhex
from waymark import cbor, gate, items

LONG = "x" * 501
TRIED = {
    "null": None,
    "blank": " ",
    "-1": -1,
    "255": 255,
    "65536": 65_536,
    "long": LONG,
    "empty list": [],
}


class Items(Case):
    def setUp(self):
        self.vectors = load("items")

    def test_every_kind_of_the_table_is_there(self):
        kinds = {vector["kind"] for vector in self.vectors["items"]}
        self.assertEqual(kinds, set(items.KINDS))
        self.assertEqual(kinds, set(items.FIELDS))

    def test_items_say_what_an_app_shows(self):
        for vector in self.vectors["items"]:
            data = unhex(vector["bytes"])
            self.assertEqual(gate.record_id(data).hex(), vector["id"])
            self.assertTrue(cbor.is_strict_map(data), vector["what"])
            self.assertEqual(cbor.encode(cbor.decode(data)), data, vector["what"])
            item = items.check(data)
            self.assertEqual(items.document(data), vector["document"], vector["what"])
            kind, fields = item[0], item[2]
            self.assertEqual(items.KINDS[kind][0], vector["what"])
            says = (
                items.says_reading(fields)
                if kind == 30
                else items.says(fields, items.FIELDS[kind])
            )
            self.assertEqual(says, vector["says"], vector["what"])

    def test_what_a_field_may_not_hold_is_left_out(self):
        for vector in self.vectors["items"]:
            item = cbor.decode(unhex(vector["bytes"]))
            for tried, expected in vector["tried"].items():
                key, how = tried.split(" ", 1)
                fields = dict(item[2])
                fields.pop(int(key), None)
                if how != "absent":
                    fields[int(key)] = TRIED[how]
                fields = dict(sorted(fields.items()))
                data = cbor.encode({**item, 2: fields})
                outcome = self.outcome(lambda: items.check(data))
                self.assertEqual(outcome, expected, (vector["what"], tried))

    def test_envelopes(self):
        for vector in self.vectors["envelopes"]:
            outcome = self.outcome(lambda: items.check(unhex(vector["bytes"])))
            self.assertEqual(outcome, vector["outcome"], vector["what"])
