"""Reproduces docs/vectors/life.json: who is in a space through its whole life, and which keys open what."""

import unittest
from copy import deepcopy

from vectors import Case, flipped, load, unhex
from waymark import cbor, membership, sealing, wire
from waymark.wire import Refused, parse_entry


class Life(Case):
    def setUp(self):
        self.vectors = load("life")
        self.space = unhex(self.vectors["space"])
        self.entries = [parse_entry(unhex(vector["entry"])) for vector in self.vectors["entries"]]
        self.epochs = {v["start"]: unhex(v["key"]) for v in self.vectors["epochs"]}

    def replay(self, after: int) -> membership.Membership:
        state = membership.Membership(self.entries[0])
        for entry in self.entries[1 : after + 1]:
            state.apply(entry)
        return state

    def test_who_is_in_it_after_each_entry(self):
        chain = wire.chain_start(self.space)
        for height, vector in enumerate(self.vectors["entries"]):
            state, wanted = self.replay(height), vector["after"]
            self.assertEqual(state.ids[height].hex(), vector["id"])
            self.assertEqual([m.device for m in state.members], wanted["members"])
            self.assertEqual(state.epoch_start, wanted["epoch_start"])
            self.assertEqual(len(state.epoch_starts) - 1, wanted["epoch_number"])
            self.assertEqual(state.rotation_due, wanted["rotation_due"])
            self.assertEqual(state.closed, wanted["closed"])
            self.assertEqual(max(state.cuts, default=None), wanted["cut"])
            self.assertEqual(state.successor, unhex(wanted["successor"]))
            chain = wire.chain_next(chain, vector["seq"], state.ids[height])
            self.assertEqual(chain.hex(), vector["chain"])

    def test_entries_are_made_as_they_stand_there(self):
        for height, vector in enumerate(self.vectors["entries"]):
            entry = self.entries[height]
            core, raw, private = membership.parse_body(entry.body)
            self.assertEqual(raw.hex(), vector["core"])
            self.assertEqual(cbor.encode(cbor.decode(raw)), raw)
            seed = unhex(self.vectors["members"][vector["signer"]]["signing_seed"])
            text = wire.signed_text(core.previous, unhex(vector["id"]))
            self.assertEqual(wire.sign(seed, text), entry.signature)
            roster = unhex(vector["roster"])
            self.assertEqual(cbor.encode(cbor.decode(roster)), roster)
            bound = wire.ZERO if height == 0 else self.space
            key = self.epochs[self.replay(height).epoch_start]
            place = (key, bound, core.previous, entry.header)
            self.assertEqual(sealing.seal_roster(*place, wire.pad(roster)), private)

    def test_attachments_are_what_the_cores_name(self):
        for height, vector in enumerate(self.vectors["entries"]):
            core = membership.parse_body(self.entries[height].body)[0]
            named = [op.agreement_key for op in core.ops if hasattr(op, "agreement_key")]
            named += [sealed for _, sealed in core.keys]
            given = [membership.attachment_hash(unhex(data)) for data in vector["attachments"]]
            self.assertEqual(sorted(named), sorted(given))

    def test_private_parts(self):
        """Who begins an epoch tells of everybody, and hands on the key before. Who has something
        forgotten hands on no key, and tells of those who are gone, too."""
        for height, vector in enumerate(self.vectors["entries"]):
            state = self.replay(height)
            said = cbor.decode(unhex(vector["roster"]))
            starts, cuts = state.epoch_start == height, height in state.cuts
            told = [member[0] for member in said[0]]
            if starts:
                told_of = state.everybody if cuts else state.members
                self.assertEqual(told, [m.device for m in told_of])
                self.assertEqual(said[1], 2)
                self.assertEqual(said[4].hex(), self.vectors["follows"])
            else:
                self.assertEqual(told, [m.device for m in state.members if m.since == height])
            self.assertEqual(3 in said, starts and height > 0 and not cuts)
            self.assertEqual(6 in said, cuts)
            if 3 in said:
                before = state.epoch_start_at(height - 1)
                self.assertEqual(said[3], self.epochs[before])
            for member in said[0]:
                used_as = {1: 1, 6: 2, 7: 2}.get(member[0])
                self.assertEqual(member.get(6), used_as)

    def seeds(self, device: int, height: int) -> bytes:
        """The member's agreement seed that an entry of this height is sealed to."""
        seed = self.vectors["members"][device]["agreement_seed"]
        for vector in self.vectors["entries"][: height + 1]:
            if vector["signer"] == device and vector["renewed_seed"]:
                seed = vector["renewed_seed"]
        return unhex(seed)

    def test_agreement_keys_are_renewed_by_their_own_rotations(self):
        state = self.replay(len(self.entries) - 1)
        for member in state.everybody:
            height = len(self.entries) if member.until is None else member.until
            public = sealing.agreement_key_pair(self.seeds(member.device, height))[1]
            self.assertEqual(membership.attachment_hash(public), member.agreement_key)
        self.assertNotEqual(self.seeds(0, 1), self.seeds(0, 2))

    def test_every_key_that_is_handed_out_opens(self):
        for height, vector in enumerate(self.vectors["entries"]):
            state, attachments = self.replay(height), list(map(unhex, vector["attachments"]))
            core = membership.parse_body(self.entries[height].body)[0]
            for device, _ in core.keys:
                seed = self.seeds(device, height)
                start, key = membership.take_key(
                    seed, state, height, self.entries[height], device, attachments
                )
                self.assertEqual(key, self.epochs[start])

    def test_a_newcomer_opens_all_that_was_before(self):
        """The desk of height 3 has one sealed key, and reads two epochs that it was not in."""
        state = self.replay(3)
        attachments = list(map(unhex, self.vectors["entries"][3]["attachments"]))
        start, key = membership.take_key(
            self.seeds(5, 3), state, 3, self.entries[3], 5, attachments
        )
        found = dict(membership.earlier_keys(start, key, state, self.entries))
        self.assertEqual(found, {start: self.epochs[start] for start in (3, 2, 0)})
        for height, entry in enumerate(self.entries[:4]):
            said = membership.open_private(
                found[state.epoch_start_at(height)], self.space, height, entry
            )
            self.assertEqual(cbor.encode(said).hex(), self.vectors["entries"][height]["roster"])

    def test_what_is_forgotten_is_named_to_who_had_it(self):
        [cut] = self.replay(len(self.entries) - 1).cuts
        vector, entry = self.vectors["entries"][cut], self.entries[cut]
        sealed = cbor.decode(unhex(vector["roster"]))[6]
        before = self.replay(cut - 1).epoch_start
        named = membership.open_forgotten(self.epochs[before], self.space, entry, sealed)
        self.assertEqual(cbor.encode(named).hex(), vector["forgotten"])
        count_up = lambda first: bytes(range(first, first + 16))
        self.assertEqual(named, {0: [count_up(0x10), count_up(0x20)], 1: [count_up(0xD0)]})
        for start in set(self.epochs) - {before}:
            with self.assertRaises(Refused):
                membership.open_forgotten(self.epochs[start], self.space, entry, sealed)

    def test_no_key_leads_to_what_was_before_something_was_forgotten(self):
        state = self.replay(len(self.entries) - 1)
        [cut] = state.cuts
        attachments = list(map(unhex, self.vectors["entries"][cut]["attachments"]))
        for device in (member.device for member in self.replay(cut).members):
            at_cut = (self.seeds(device, cut), self.replay(cut), cut, self.entries[cut], device)
            start, key = membership.take_key(*at_cut, attachments)
            found = dict(membership.earlier_keys(start, key, state, self.entries))
            self.assertEqual(found, {cut: self.epochs[cut]})

    def test_an_older_key_opens_nothing_newer(self):
        """What a removed device holds, and who left, is tried on everything that follows."""
        state = self.replay(len(self.entries) - 1)
        for gone in (state.everybody[3], state.everybody[4]):
            ended = state.epoch_start_at(gone.until)
            held = [key for start, key in self.epochs.items() if start < gone.until]
            later = [s for s in state.epoch_starts if s > ended or s == gone.until]
            for height in range(later[0], len(self.entries)):
                for key in held:
                    outcome = self.outcome(
                        lambda: membership.open_private(
                            key, self.space, height, self.entries[height]
                        )
                    )
                    self.assertEqual(outcome, "wrong_commitment")

    def test_rules_and_their_order(self):
        for vector in self.vectors["tried"]:
            state, entry = self.replay(vector["after"]), parse_entry(unhex(vector["entry"]))
            before = deepcopy(vars(state))
            outcome = self.outcome(lambda: state.apply(entry))
            self.assertEqual(outcome, vector["outcome"], vector["what"])
            if outcome != "ok":
                self.assertEqual(vars(state), before, vector["what"])

    def test_which_batches_count(self):
        for vector in self.vectors["batches"]:
            state, entry = self.replay(vector["after"]), parse_entry(unhex(vector["entry"]))
            self.assertEqual(
                self.outcome(lambda: state.admit(entry)), vector["outcome"], vector["what"]
            )
            start = state.epoch_start_at(entry.height)
            at = state.ids[entry.height]
            padded = sealing.open_entry(
                self.epochs[start], self.space, at, entry.header, entry.body
            )
            self.assertEqual(wire.unpad(padded).decode(), vector["what"])
            for other in set(self.epochs) - {start}:
                with self.assertRaises(Refused):
                    sealing.open_entry(
                        self.epochs[other], self.space, at, entry.header, entry.body
                    )

    def test_safety_numbers(self):
        state = self.replay(len(self.entries) - 1)
        numbers = [membership.safety_number(self.space, head) for head in state.ids]
        self.assertEqual(numbers, self.vectors["safety_numbers"])
        for number in numbers:
            self.assertRegex(number, r"^(\d{5} ){11}\d{5}$")
        self.assertEqual(len(set(numbers)), len(numbers))

    def test_what_home_lists(self):
        vector = self.vectors["listed"]
        members = self.vectors["members"]
        reserve = cbor.decode(unhex(vector["reserve"]))
        kind, [said] = reserve
        self.assertEqual((kind, set(said)), (1, set(range(8))))
        keys = unhex(members[1]["signing_seed"]) + unhex(members[1]["agreement_seed"])
        self.assertEqual(said[3], keys)
        self.assertEqual(said[4], wire.public_key(keys[:32]))
        state = self.replay(0)
        self.assertEqual(said[4], state.everybody[said[5]].signing_key)
        self.assertEqual((said[0], said[1], said[6]), (self.space, 2, state.ids[0]))
        chain = wire.chain_next(wire.chain_start(self.space), 1, self.space)
        self.assertEqual(said[7], [1, chain[:16]])
        # Whoever holds the reserve opens the space as it was then.
        attachments = list(map(unhex, self.vectors["entries"][0]["attachments"]))
        opened = membership.take_key(keys[32:], state, 0, self.entries[0], said[5], attachments)
        self.assertEqual(opened, (0, self.epochs[0]))

        phone = wire.public_key(unhex(members[0]["signing_seed"]))
        place = [2, [{0: self.space, 1: phone, 2: unhex(vector["place_home_key"])}]]
        self.assertEqual(cbor.decode(unhex(vector["place"])), place)
        self.assertEqual(cbor.decode(unhex(vector["gone"])), [3, [self.space]])
        for item, name in ((reserve, "reserve"), (place, "place"), ([3, [self.space]], "gone")):
            self.assertEqual(cbor.encode(item).hex(), vector[name])

    def test_altered_entries_are_nobodys(self):
        for height, entry in enumerate(self.entries[1:], 1):
            for at in range(0, len(entry.raw), 61):
                state = self.replay(height - 1)
                try:
                    altered = parse_entry(flipped(entry.raw, at))
                except Refused:
                    continue
                self.assertNotEqual(self.outcome(lambda: state.apply(altered)), "ok")


if __name__ == "__main__":
    unittest.main()
