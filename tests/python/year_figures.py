"""The figures of plans, computed anew from what `export_all()` writes and from nothing else.

    year_figures.py EXPORT.json TODAY [GRACE]

For each goal: streak, slips, best streak, consistency, habit strength, all that was done and what is to
be said about it, by the rules of the module documentation of `core/src/model/progress.rs`. It is slow on purpose: it walks over
every day for every figure, and shares nothing with the fold that it is held against.
"""

import json
import sys
from base64 import urlsafe_b64decode
from datetime import date, timedelta

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAY = timedelta(days=1)
OFF = ("rest", "excused")
RUNS = ("proposed", "planned", "accepted", "active")


class Goal:
    def __init__(self, exported, check_ins, today, grace):
        self.view, self.today, self.grace = exported["goal"], today, grace
        revisions = {revision["id"]: revision for revision in exported["revisions"]}
        self.timeline = sorted(
            ((date.fromisoformat(step["from"]), revisions[step["revision"]])
             for step in self.view["timeline"]),
            key=lambda step: step[0],
        )
        self.statuses = {status["id"]: status for status in exported["statuses"]}
        self.entries = {}
        for entry in check_ins:
            if entry["goal"] == self.view["id"] and entry["state"] == "counted":
                self.entries.setdefault(date.fromisoformat(entry["date"]), []).append(entry)

    # What was agreed.

    def wording(self, day):
        held = [revision for start, revision in self.timeline if start <= day]
        return held[-1] if held else None

    @staticmethod
    def target(wording, period):
        target = wording["target"]
        if target and target["value"] is not None and target["period"] == period:
            return target
        return None

    @staticmethod
    def asks_days(wording):
        target = wording["target"]
        return not target or target["value"] is None or target["period"] == "day"

    @staticmethod
    def within(wording, day):
        schedule = wording["schedule"]
        if not schedule:
            return True
        start, end = schedule["start"], schedule["end"]
        return not (start and day.isoformat() < start) and not (end and day.isoformat() > end)

    def meant(self, wording, day):
        """`expected`, `any`, or None where nothing is to be done."""
        schedule, text = wording["schedule"], day.isoformat()
        if not schedule or not self.within(wording, day):
            return None
        if any(pause["from"] <= text <= pause["to"] for pause in schedule["pauses"]):
            return None
        if WEEKDAYS[day.weekday()] in schedule["planned_rest"] or text in schedule["rest_dates"]:
            return None
        name, value = pattern(schedule)
        if name == "times_a_week":
            return "any"
        if name == "weekdays" and WEEKDAYS[day.weekday()] not in value["days"]:
            return None
        if name == "every_days":
            if (day - date.fromisoformat(schedule["start"])).days % value["days"]:
                return None
        return "expected"

    # Where it stood.

    def before(self, status):
        """Everything that a status took the place of, by whatever way."""
        found, waiting = set(), list(self.statuses[status]["replaces"])
        while waiting:
            old = waiting.pop()
            if old in self.statuses and old not in found:
                found.add(old)
                waiting += self.statuses[old]["replaces"]
        return found

    def runs(self, day):
        """Whether it was neither on hold, nor over, nor unwanted: as the statuses say that were given up
        to a day and that no other of them replaced; where those differ, the newest that all come from."""
        given = [ident for ident, status in self.statuses.items() if status["date"] <= day.isoformat()]
        replaced = set().union(*map(self.before, given)) if given else set()
        heads = [ident for ident in given if ident not in replaced]
        said = {self.statuses[head]["status"] for head in heads}
        if len(said) > 1:
            common = set.intersection(*map(self.before, heads))
            newest = [one for one in common if not any(one in self.before(other) for other in common)]
            newest.sort(key=lambda ident: urlsafe_b64decode(ident + "=="))
            said = {self.statuses[newest[0]]["status"]} if newest else {"proposed"}
        return (said.pop() if said else "proposed") in RUNS

    def rests(self):
        """Whether it is on hold or over today, in a time off or behind its end."""
        wording, text = self.wording(self.today), self.today.isoformat()
        schedule = wording and wording["schedule"]
        aside = schedule and (
            any(pause["from"] <= text <= pause["to"] for pause in schedule["pauses"])
            or (schedule["end"] and schedule["end"] < text)
        )
        return bool(wording) and (bool(aside) or not self.runs(self.today))

    # What was said.

    def judged(self, days, target):
        """The outcome of some days together, and how much of an amount to reach it was."""
        entries = [entry for day in days for entry in self.entries.get(day, [])]
        outcomes = [entry["outcome"] for entry in entries]
        if target:
            amounts = [entry["quantity"] for entry in entries if entry["quantity"] is not None]
            total = sum(round(amount * 1000) for amount in amounts)
            value = round(target["value"] * 1000)
            bare = [entry["outcome"] for entry in entries if entry["quantity"] is None]
            if "done" in bare:
                return "done", 1.0
            if target["comparison"] == "at_most":
                if amounts and total <= value:
                    return "done", 1.0
            elif amounts and total >= value:
                return "done", 1.0
            elif total > 0:
                return "partial", total / value
            outcomes = bare + [outcome for outcome in outcomes if outcome in OFF]
        for outcome in ("done", "partial", "excused", "rest", "note_only"):
            if outcome in outcomes:
                return outcome, None
        return None, None

    def outcome(self, day):
        wording = self.wording(day)
        return self.judged([day], wording and self.target(wording, "day"))

    # Units: (date, done | missed | partial, is expected, share, frequency, done, wanted).

    def unit(self):
        wording = self.wording(self.today)
        if not wording:
            return "day"
        for period in ("week", "month"):
            if self.target(wording, period):
                return period
        schedule = wording["schedule"]
        return "week" if schedule and pattern(schedule)[0] == "times_a_week" else "day"

    def units(self):
        if not self.timeline or self.timeline[0][0] > self.today:
            return []
        first, unit = self.timeline[0][0], self.unit()
        days = [first + DAY * number for number in range((self.today - first).days + 1)]
        if unit == "day":
            return [found for found in map(self.day, days) if found]
        spans = {}
        for day in days:
            spans.setdefault(begin(unit, day), []).append(day)
        found = (self.span(unit, start, passed) for start, passed in sorted(spans.items()))
        return [span for span in found if span]

    def day(self, day):
        wording = self.wording(day)
        if not self.within(wording, day):
            return None
        outcome, share = self.outcome(day)
        expected = (
            self.asks_days(wording) and self.meant(wording, day) == "expected" and self.runs(day)
        )
        schedule = wording["schedule"]
        frequency = often(schedule) if schedule else 1.0
        if outcome == "done":
            return (day, "done", expected, 1.0, frequency, 1, 1)
        if not expected or day == self.today or outcome in OFF:
            return None
        if outcome == "partial":
            return (day, "partial", True, share, frequency, 0, 1)
        return (day, "missed", True, 0.0, frequency, 0, 1)

    def span(self, unit, start, passed):
        last, over = passed[-1], end(unit, start) < self.today
        wording = self.wording(last)
        to_come = []
        while last + DAY * len(to_come) < end(unit, start):
            to_come.append(last + DAY * (len(to_come) + 1))
        free = [day for day in passed + to_come
                if (not wording["schedule"] or self.meant(wording, day))
                and self.runs(day)
                and not (day <= self.today and self.outcome(day)[0] in OFF)]
        counting = [day for day in passed if self.within(wording, day)]
        frequency = 1 / 7 if unit == "week" else 12 / 365.25
        target = self.target(wording, unit)
        if target:
            outcome, share = self.judged(counting, target)
            if outcome == "done" and (over or target["comparison"] == "at_least"):
                return (start, "done", bool(free), 1.0, frequency, 1, 1)
            if not over or not free or outcome in OFF:
                return None
            if outcome == "partial":
                return (start, "partial", True, share, frequency, 0, 1)
            return (start, "missed", True, 0.0, frequency, 0, 1)
        done = sum(1 for day in counting if self.outcome(day)[0] == "done")
        wanted, schedule = 0, wording["schedule"]
        if schedule and pattern(schedule)[0] == "times_a_week":
            wanted = pattern(schedule)[1]["times"] if unit == "week" else 0
        elif schedule and self.asks_days(wording):
            wanted = len(free)
        expected = wanted > 0 and len(free) >= wanted
        wanted = max(wanted, 1)
        if done < wanted and not (over and expected):
            return None
        state, some = "done" if done >= wanted else "missed", min(done, wanted)
        return (start, state, expected, some / wanted, frequency, some, wanted)

    # Figures.

    def walk_back(self, units):
        done, missed, slips, place, border = 0, [], [], 0, None
        for unit in reversed(units):
            # `place` counts expected units from the end.
            if unit[1] == "missed":
                missed.append(place)
                among = [other for other in missed if place - other < 7]
                if len(among) > self.grace:
                    border = unit[0]
                    break
                slips.append((unit[0], done))
            done += unit[1] == "done"
            place += unit[2]
        # What was left out before anything was done is no slip.
        return done, sorted(day.isoformat() for day, after in slips if after < done), border

    def message(self, units, border):
        """What is to be said: a first week that is running has begun with its first done day."""
        if self.rests():
            return "resting"
        day, done = self.timeline[0][0] if self.timeline else self.today, []
        while day <= self.today:
            wording = self.wording(day)
            if wording and self.within(wording, day) and self.outcome(day)[0] == "done":
                done.append(day)
            day += DAY
        done += [unit[0] for unit in units if unit[1] == "done"]
        if not done:
            return "not_begun"
        last = border and (border if self.unit() == "day" else end(self.unit(), border))
        return "keep_going" if not last or any(last < day for day in done) else "restart"

    def figures(self):
        units, unit = self.units(), self.unit()
        streak, slips, border = self.walk_back(units)
        if unit == "day":
            recent = [u for u in units if u[2] and (self.today - u[0]).days < 28]
        else:
            full, start = [], begin(unit, self.today)
            while len(full) < 4:
                start = begin(unit, start - DAY)
                full.append(start)
            recent = [u for u in units if u[2] and u[0] in full and u[0] >= self.timeline[0][0]]
        strength = 0.0
        for unit_ in units:
            if unit_[2] and unit_[3] is not None:
                kept = 0.5 ** (unit_[4] ** 0.5 / 13)
                strength = strength * kept + unit_[3] * (1 - kept)
        return {
            "goal": self.view["id"],
            "unit": unit,
            "streak": streak,
            "slips": slips,
            "best": max((self.walk_back(units[:n])[0] for n in range(len(units) + 1))),
            "done": sum(u[5] for u in recent),
            "expected": sum(u[6] for u in recent),
            "strength": round(strength, 9),
            "total": sum(1 for u in units if u[1] == "done"),
            "message": self.message(units, border),
        }


def pattern(schedule):
    named = schedule["pattern"]
    return (named, None) if isinstance(named, str) else next(iter(named.items()))


def often(schedule):
    name, value = pattern(schedule)
    if name == "weekdays":
        return len(value["days"]) / 7
    return {"daily": 1.0, "times_a_week": 1 / 7}.get(name) or 1 / value["days"]


def begin(unit, day):
    return day.replace(day=1) if unit == "month" else day - day.weekday() * DAY


def end(unit, start):
    if unit == "week":
        return start + 6 * DAY
    return (start + 31 * DAY).replace(day=1) - DAY


def main():
    today = date.fromisoformat(sys.argv[2])
    grace = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    with open(sys.argv[1], encoding="utf-8") as file:
        plans = json.load(file)
    figures = []
    for plan in plans:
        content = plan["content"]
        check_ins = [entry for log in content["logs"] for entry in log["view"]["check_ins"]]
        figures += [Goal(goal, check_ins, today, grace).figures() for goal in content["goals"]]
    json.dump(figures, sys.stdout, indent=2, sort_keys=True)


if __name__ == "__main__":
    main()
