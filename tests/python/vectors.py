"""What the tests share that reproduce docs/vectors from the documents alone.

    python3 -m venv target/venv && target/venv/bin/pip install -r tests/python/requirements.txt
    target/venv/bin/python -m unittest discover -s tests/python
"""

import json
import unittest
from pathlib import Path

from waymark.wire import Refused

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
