"""Who is a member, by which rules, and what members open."""

from vectors import Case, flipped, load, unhex
from waymark import cbor, membership, sealing, wire
from waymark.wire import Refused, parse_entry


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
