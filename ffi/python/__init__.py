"""Waymark: goals that a client and a therapist share, offline first, encrypted end to end."""

from .waymark_core import *  # noqa: F401,F403
from .waymark_ffi import *  # noqa: F401,F403
