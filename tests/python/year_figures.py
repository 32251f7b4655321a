"""The figures of a plan, computed anew from its export.

    year_figures.py EXPORT.json TODAY [GRACE] > figures.json

Reads what `export_all()` writes and nothing else of Waymark's: which wording was in force on which
day, and what was checked in. Prints for each goal its judged days, streak, slips, best streak,
consistency and habit strength, by the definitions of the README of progress: expected days, grace
among any seven of them, 28 days of consistency, an exponential habit strength with a half-life of
13 expected days for a daily habit. It is slow on purpose: every figure walks over every day.
"""

import json
import sys
from datetime import date, timedelta
from math import sqrt

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
ORDER = ["done", "partial", "excused", "rest", "note_only"]
DAY = timedelta(days=1)


class Goal:
    def __init__(self, exported, check_ins, today, grace):
        view = exported["goal"]
        revisions = {revision["id"]: revision for revision in exported["revisions"]}
        self.timeline = [
            (date.fromisoformat(step["from"]), revisions[step["revision"]])
            for step in view["timeline"]
        ]
        self.entries = {}
        for entry in check_ins:
            if entry["goal"] == view["id"] and entry["state"] == "counted":
                self.entries.setdefault(date.fromisoformat(entry["date"]), []).append(entry)
        self.statement = view["statement"]
        self.today, self.grace = today, grace

    def in_force(self, day):
        held = [revision for start, revision in self.timeline if start <= day]
        return held[-1] if held else None

    def schedule(self, day):
        revision = self.in_force(day)
        return revision and revision["schedule"]

    def planned(self, day):
        """`expected`, `any`, or None where nothing is expected."""
        schedule = self.schedule(day)
        if not schedule:
            return None
        text = day.isoformat()
        if schedule["start"] and text < schedule["start"]:
            return None
        if schedule["end"] and text > schedule["end"]:
            return None
        if any(pause["from"] <= text <= pause["to"] for pause in schedule["pauses"]):
            return None
        if WEEKDAYS[day.weekday()] in schedule["planned_rest"] or text in schedule["rest_dates"]:
            return None
        pattern = schedule["pattern"]
        if pattern == "daily":
            return "expected"
        [(name, value)] = pattern.items()
        if name == "weekdays":
            return "expected" if WEEKDAYS[day.weekday()] in value["days"] else None
        if name == "every_days":
            apart = (day - date.fromisoformat(schedule["start"])).days
            return "expected" if apart % value["days"] == 0 else None
        return "any"

    def said(self, day):
        """What the day's entries come to, and how much of the target."""
        entries = self.entries.get(day, [])
        revision = self.in_force(day)
        target = revision and revision["target"]
        amounts = [entry["quantity"] for entry in entries if entry["quantity"] is not None]
        counts = target and target["value"] is not None and target["period"] == "day"
        outcomes = [entry["outcome"] for entry in entries]
        if counts and target["comparison"] == "at_least":
            total = sum(round(amount * 1000) for amount in amounts)
            value = round(target["value"] * 1000)
            bare = any(e["outcome"] == "done" and e["quantity"] is None for e in entries)
            if bare or (amounts and total >= value):
                return "done", 1.0
            if total > 0:
                return "partial", total / value
            outcomes = [outcome for outcome in outcomes if outcome != "done"]
        for outcome in ORDER:
            if outcome in outcomes:
                return outcome, None
        return None, None

    def units(self):
        """The expected days, each as (date, done | partial | missed, share), oldest first. What is
        excused or said to be rest is not expected; today is there only if it is done."""
        if not self.timeline:
            return []
        day, units = self.timeline[0][0], []
        while day <= self.today:
            said, share = self.said(day)
            expected = self.planned(day) == "expected" and said not in ("excused", "rest")
            if said == "done" and self.within(day):
                units.append((day, "done", 1.0, expected))
            elif expected and day < self.today:
                units.append((day, "partial" if said == "partial" else "missed", share, True))
            day += DAY
        return units

    def within(self, day):
        schedule = self.schedule(day)
        if not schedule:
            return True
        text = day.isoformat()
        return not (schedule["start"] and text < schedule["start"]) and not (
            schedule["end"] and text > schedule["end"]
        )

    def weeks(self):
        """The expected weeks, each as (monday, done | missed, done days, times, is full)."""
        if not self.timeline:
            return []
        first = self.timeline[0][0]
        monday, weeks = first - first.weekday() * DAY, []
        while monday <= self.today:
            days = [monday + number * DAY for number in range(7)]
            schedule = self.schedule(days[6])
            times = schedule["pattern"]["times_a_week"]["times"]
            said = {day: self.said(day)[0] for day in days if day <= self.today}
            done = sum(1 for day in said if said[day] == "done" and self.within(day))
            free = [d for d in days if self.planned(d) == "any" and said.get(d) not in ("rest", "excused")]
            over = days[6] < self.today
            if done >= times:
                weeks.append((monday, "done", done, times, over and monday >= first))
            elif over and len(free) >= times:
                weeks.append((monday, "missed", done, times, monday >= first))
            monday += 7 * DAY
        return weeks

    def streak(self, units):
        """Done units and slips since the miss that ended the walk back."""
        done, slips, expected = 0, [], []
        pending = []
        for unit in reversed(units):
            if unit[1] == "missed":
                recent = sum(expected[-6:]) + 1
                if recent > self.grace:
                    break
                pending.append(unit[0])
            if unit[3] or unit[1] != "done":
                expected.append(unit[1] == "missed")
            if unit[1] == "done":
                done += 1
                slips += pending
                pending = []
        return done, sorted(slips)

    def best(self, units):
        return max((self.streak(units[: end + 1])[0] for end in range(len(units))), default=0)

    def figures(self):
        first = self.timeline[-1][1]["schedule"] if self.timeline else None
        by_week = bool(first) and isinstance(first["pattern"], dict) and "times_a_week" in first["pattern"]
        if by_week:
            weeks = self.weeks()
            units = [(monday, state, done / times, True) for monday, state, done, times, _ in weeks]
            full = [week for week in weeks if week[4]][-4:]
            counted = (sum(min(w[2], w[3]) for w in full), sum(w[3] for w in full))
            frequency = 1 / 7
        else:
            units = self.units()
            recent = [u for u in units if u[0] > self.today - 28 * DAY and u[3]]
            counted = (sum(1 for u in recent if u[1] == "done"), len(recent))
            frequency = None
        done, slips = self.streak(units)
        return {
            "statement": self.statement,
            "done": sum(1 for unit in units if unit[1] == "done"),
            "streak": done,
            "slips": [slip.isoformat() for slip in slips],
            "best": self.best(units),
            "consistency": list(counted),
            "strength": round(self.strength(units, frequency), 4),
        }

    def strength(self, units, frequency):
        value = 0.0
        for day, state, share, expected in units:
            if not expected:
                continue
            f = frequency or self.frequency(day)
            multiplier = 0.5 ** (sqrt(f) / 13)
            if state == "partial" and share is None:
                continue
            gained = {"done": 1.0, "partial": min(share or 0, 1), "missed": 0.0}[state]
            if frequency:
                gained = min(share, 1.0)
            value = value * multiplier + gained * (1 - multiplier)
        return value

    def frequency(self, day):
        pattern = self.schedule(day)["pattern"]
        if pattern == "daily":
            return 1.0
        [(name, value)] = pattern.items()
        return len(value["days"]) / 7 if name == "weekdays" else 1 / value["days"]


def main():
    export, today = sys.argv[1], date.fromisoformat(sys.argv[2])
    grace = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    with open(export, encoding="utf-8") as file:
        plans = json.load(file)
    figures = []
    for plan in plans:
        content = plan["content"]
        check_ins = [entry for log in content["logs"] for entry in log["view"]["check_ins"]]
        for goal in content["goals"]:
            figures.append(Goal(goal, check_ins, today, grace).figures())
    json.dump(figures, sys.stdout, indent=2, sort_keys=True)


if __name__ == "__main__":
    main()
