"""What calls cost from Python and Kotlin, how fast an app starts, and what an open client holds.

Started by `ffi/cost`. Data is made once, in a directory of its own; each measure runs in a process of its
own, several times, and the table shows the median and the best.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

TODAY = date.today()
KEY = bytes([7]) * 32
ROUNDS = 7
CALLS = 200


def main():
    with tempfile.TemporaryDirectory(prefix="waymark-cost-") as root:
        made = {}
        for name, days in (("ten years", 3_650), ("a year", 365)):
            directory = str(Path(root) / name.replace(" ", "-"))
            made[name] = (directory, run(["python", "make", directory, str(days)])["plan"])
        print(f"{TODAY}, {os.cpu_count()} cores, {os.environ['WAYMARK_PROFILE']}, load {os.getloadavg()[0]:.1f}\n")
        print(f"{'measure':58} {'median':>10} {'best':>10}  target")
        for language in ("python", "kotlin"):
            rounds = [run([language, "start", *made["ten years"]]) for _ in range(ROUNDS)]
            row(f"{language}: open ten years, show today", rounds, "start", "≤ 50 ms")
            row("  the library loaded and called once, before it", rounds, "loaded")
            rounds = [run([language, "calls", *copy_of(made["a year"], root)]) for _ in range(3)]
            row(f"{language}: an empty call", rounds, "empty")
            row("  today's list of 20 goals", rounds, "list", "≤ 2 ms" if language == "kotlin" else "")
            row("  a check-in, durable", rounds, "check-in")
            row("  a bare write and flush of 400 bytes", rounds, "flush")
            row("  an edit, until another device's listener is called", [event(language, root)], "event")
            rounds = [run([language, "memory", *made["a year"]]) for _ in range(3)]
            memory(f"{language}: an open client with a year, above the runtime", rounds)


def copy_of(made, root):
    """The same diary once more: what is logged in a round is not in the next one."""
    directory, plan = made
    return shutil.copytree(directory, Path(tempfile.mkdtemp(dir=root)) / "copy"), plan


def event(language, root):
    """The same with a relay on loopback and two devices that stay connected."""
    data = tempfile.mkdtemp(dir=root)
    command = [os.environ["WAYMARK_SERVER"], "--data", f"{data}/relay", "--listen", "127.0.0.1:0"]
    relay = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = next(word for word in relay.stdout.readline().split() if word.startswith("http://"))
        return run([language, "event", data, url])
    finally:
        relay.terminate()
        relay.wait()
        relay.stdout.close()


def row(measure, rounds, name, target=""):
    taken = sorted(float(numbers[name]) for numbers in rounds)
    print(f"{measure:58} {shown(statistics.median(taken)):>10} {shown(taken[0]):>10}  {target}", flush=True)


def memory(measure, rounds):
    taken = sorted(int(numbers["memory"]) / 1024 for numbers in rounds)
    middle = f"{statistics.median(taken):.1f} MiB"
    print(f"{measure:58} {middle:>10} {taken[0]:>6.1f} MiB  ≤ 20 MiB", flush=True)


def shown(seconds):
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.2f} ms"


def run(arguments):
    """Runs one measure in a process of its own: lines of a name and a number."""
    language, *rest = arguments
    command = os.environ["WAYMARK_COST_KOTLIN"].split() if language == "kotlin" else [sys.executable, __file__]
    output = subprocess.run(command + rest, check=True, capture_output=True, text=True)
    return dict(line.rsplit(" ", 1) for line in output.stdout.splitlines())


def child(does, directory, last):
    import waymark

    begun = time.perf_counter()
    waymark.version()
    print(f"loaded {time.perf_counter() - begun}")
    config = waymark.WaymarkConfig(
        directory=directory, relay="http://127.0.0.1:9", time_zone="Europe/Amsterdam"
    )

    class Key(waymark.KeyProvider):
        def storage_key(self):
            return KEY

    if does == "event":
        return asyncio.run(changes(waymark, directory, last, Key()))
    if does == "make":
        return make(waymark, waymark.Waymark.open(config, Key()), int(last))
    before = resident()
    begun = time.perf_counter()
    client = waymark.Waymark.open(config, Key())
    today(client, last)
    print(f"start {time.perf_counter() - begun}")
    if does == "memory":
        client.progress().all(last)
        print(f"memory {max(resident() - before, 0)}")
    if does == "calls":
        calls(waymark, client, last, directory)
    client.lock()


def today(client, plan):
    goals = client.goals().list(plan)
    entries = client.check_ins().on(plan, str(TODAY))
    assert len(goals) == 20 and len(entries) == 10, (len(goals), len(entries))


def calls(waymark, client, plan, directory):
    goals = client.goals()
    print(f"empty {each(waymark.version)}")
    print(f"list {each(lambda: goals.list(plan))}")
    goal = goals.list(plan)[0].id
    done = waymark.NewCheckIn(goal=goal, outcome=waymark.Outcome.DONE, note="x" * 80)
    log = client.check_ins().log
    print(f"check-in {each(lambda: log(plan, done))}")
    with open(os.path.join(directory, "flush"), "wb", buffering=0) as file:

        def flush():
            file.write(b"x" * 400)
            os.fsync(file.fileno())

        print(f"flush {each(flush)}")
async def changes(waymark, directory, relay, key):
    """Two devices that stay connected: from an edit of one to the other's listener."""
    heard = threading.Event()

    class Heard(waymark.ChangeListener):
        def changed(self, changes):
            if any(isinstance(change, waymark.Change.RECORDS) for change in changes):
                heard.set()

    def opened(name):
        config = waymark.WaymarkConfig(directory=f"{directory}/{name}", relay=relay, time_zone="UTC")
        return waymark.Waymark.open(config, key)

    phone, tablet = opened("phone"), opened("tablet")
    phone.people().begin("Kim", "phone")
    plan = phone.people().create_plan()
    card = tablet.people().card("Ada", "tablet")
    phone.people().add_therapist(plan, card)
    await phone.sync_now()
    tablet.people().accept(phone.people().welcome(card))
    await tablet.sync_now()
    tablet.listen(Heard())
    live = [device.go_live() for device in (phone, tablet)]

    def edit():
        heard.clear()
        phone.goals().create(plan, waymark.GoalDraft(statement="Walk"))
        assert heard.wait(30)

    edit()
    print(f"event {each(edit, 50)}")
    for connection in live:
        connection.stop()
    for device in (phone, tablet):
        device.lock()


def each(call, times=CALLS):
    """The median of so many calls, in seconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def make(waymark, client, days):
    """20 goals, and ten check-ins a day up to today."""
    client.people().begin("Kim", "phone")
    plan = client.people().create_plan()
    daily = waymark.Schedule(pattern=waymark.SchedulePattern.DAILY())
    goals = [
        client.goals().create(plan, waymark.GoalDraft(statement=f"Goal {number}", schedule=daily))
        for number in range(20)
    ]
    noon = datetime.combine(TODAY, datetime.min.time(), timezone.utc) + timedelta(hours=12)
    for first in range(days - 1, -1, -50):
        timed = [
            waymark.TimedCheckIn(
                check_in=waymark.NewCheckIn(
                    goal=goals[number],
                    outcome=waymark.Outcome.DONE,
                    date=str(TODAY - timedelta(days=ago)),
                    note="ten minutes outside, and the rain was warm enough to walk on for a while more, twice",
                ),
                at=noon - timedelta(days=ago) + timedelta(minutes=number),
            )
            for ago in range(first, max(first - 50, -1), -1)
            for number in range(10)
        ]
        client.check_ins().log_many(plan, timed)
    client.lock()
    print(f"plan {plan}")


def resident():
    with open("/proc/self/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


if __name__ == "__main__":
    child(*sys.argv[1:]) if len(sys.argv) > 1 else main()
