"""The formats of Waymark, written from docs/protocol.md and docs/crypto.md alone.

Nothing here calls Waymark's own code: it is a second reading of the documents, so that a mistake in
the first one shows. It checks vectors and is no implementation to build on: it keeps no secret out
of memory and compares in variable time.
"""
