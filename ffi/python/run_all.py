"""Runs the tests of the Python binding, end to end: engines of several people against a real relay.

Each test says what somebody would lose if it failed. The last line counts: N passed, M failed.
"""

import sys
import unittest
from pathlib import Path

tests = unittest.defaultTestLoader.discover(str(Path(__file__).parent))
run = unittest.TextTestRunner(verbosity=2).run(tests)
bad = len(run.failures) + len(run.errors)
sys.stderr.flush()
print(f"{run.testsRun - bad} passed, {bad} failed", flush=True)
sys.exit(1 if bad else 0)
