"""How long a relay takes to say that something is not there, by what it is that is not.

    cargo build -p waymark-server
    target/venv/bin/python tests/python/refusal_times.py [ROUNDS]

Whoever could tell the rows apart could find out which spaces a relay has and who is in them. No test:
what is measured depends on what else the machine does. `server/tests/relay/alike.rs` holds that none
is answered before the first step is over, and that all are told the same.
"""

import sys
import time

from process import Process
from waymark.device import CLIENT, Device
from waymark.relay import APPEND, STATUS, Answered


def main(rounds: int) -> None:
    process = Process()
    connection = process.connect()
    client, stranger = Device("Mila", CLIENT), Device("Eve", CLIENT)
    entry, attachments = client.found(process.address, process.key)
    connection.post(APPEND, client.request([entry], attachments), "append_answer")
    for frame in connection.pull([client.asks(process.key, connection.fresh_nonce())]):
        client.take(frame, process.key)
    stranger.space, stranger.number = bytes(range(32)), 0
    batch = client.batch(b"a note")
    unsigned, no_member = batch[:-1] + bytes([batch[-1] ^ 1]), batch[:3] + b"\x09" + batch[4:]

    def proofs(nonce):
        good = client.proof(process.key, nonce)
        return {
            "a proof that is good": good,
            "an unknown space": stranger.proof(process.key, nonce),
            "an unknown member": {**good, 1: 9},
            "a bad signature": {**good, 3: bytes(64)},
        }

    requests = {
        "an entry for an unknown space": {0: stranger.space, 1: [batch]},
        "an entry by an unknown member": {0: client.space, 1: [no_member]},
        "an entry under a bad signature": {0: client.space, 1: [unsigned]},
    }
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        asked = [(STATUS, what, {0: proof}) for what, proof in proofs(connection.fresh_nonce()).items()]
        asked += [(APPEND, what, request) for what, request in requests.items()]
        for path, what, request in asked:
            begun = time.perf_counter()
            try:
                connection.post(path, request, "status_answer")
            except Answered as refused:
                assert refused.code == "not_found"
            taken.setdefault(what, []).append((time.perf_counter() - begun) * 1_000)
    connection.close()
    process.end()
    print(f"{'milliseconds':32}   10 %   half   90 %")
    for what, times in taken.items():
        times.sort()
        tenth = [times[len(times) * part // 10] for part in (1, 5, 9)]
        print(f"{what:32}" + "".join(f"{one:7.2f}" for one in tenth))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
