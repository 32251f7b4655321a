"""The real relay, as a process of its own."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from waymark.relay import Relay

ROOT = Path(__file__).resolve().parents[2]


def program() -> Path:
    """The relay's program: `$WAYMARK_SERVER`, or what `cargo build -p waymark-server` made."""
    named = os.environ.get("WAYMARK_SERVER")
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "waymark-server"
    path = Path(named) if named else built
    # Where it was named, a test run must not pass over what it cannot start.
    if not named and not path.exists():
        raise unittest.SkipTest(f"cargo build -p waymark-server makes the relay, {path}")
    return path


class Process:
    """A relay over a directory of its own, on a free port of this machine."""

    def __init__(self, *flags: str):
        self.directory = tempfile.TemporaryDirectory()
        self.data = Path(self.directory.name)
        command = [program(), "--listen", "127.0.0.1:0", "--log", "off"]
        self.child = subprocess.Popen(
            [*command, "--data", self.data, *flags], stdout=subprocess.PIPE, text=True
        )
        said = self.child.stdout.readline()
        self.address = said.split("http://")[1].split()[0]
        self.key = bytes.fromhex(said.split("key ")[1].strip())

    def connect(self) -> Relay:
        return Relay(self.address, self.key)

    def check(self) -> str:
        """What `waymark-server check` says of everything that it keeps."""
        done = subprocess.run(
            [program(), "check", "--data", self.data], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout

    def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        if self.child.wait(timeout=20) != 0:
            raise AssertionError("the relay did not stop in order")
        self.child.stdout.close()
        self.directory.cleanup()
