"""Speaking to a relay: HTTP/1.1 with CBOR bodies, as docs/protocol.md §6 says."""

import http.client

import cbor2

from . import cbor, messages

APPEND, MAILBOX, PULL, STATUS = "/v1/append", "/v1/mailbox", "/v1/pull", "/v1/status"

HELLO, ATTACHMENT, ENTRY, OWN, PAGE, REFUSED, HEARTBEAT, CHECKPOINT = range(8)


class Answered(Exception):
    """The relay refused a request: the code's name, the HTTP status, and the whole refusal."""

    def __init__(self, status: int, refusal: dict):
        numbers = {number: (name, status) for number, name, status in messages.CODES}
        self.code, expected = numbers[refusal[0]]
        self.status, self.refusal = status, refusal
        super().__init__(f"{status} {self.code}: {refusal[1]}")
        if status != expected:
            raise AssertionError(f"{self.code} came with status {status}")


class Relay:
    """One connection. Every answer is held to its definition."""

    def __init__(self, address: str, key: bytes | None = None):
        self.address, self.key, self.nonce = address, key, None
        self.connection = http.client.HTTPConnection(address, timeout=30)

    def close(self) -> None:
        self.connection.close()

    def send(self, path: str, body: bytes, method: str = "POST") -> http.client.HTTPResponse:
        self.connection.request(method, path, body)
        return self.connection.getresponse()

    def post(self, path: str, item, form: str) -> dict:
        """What the relay says to `item`.

        Raises `Answered` where it refuses.
        """
        return self.post_bytes(path, cbor.encode(item), form)

    def post_bytes(self, path: str, body: bytes, form: str) -> dict:
        answer = self.send(path, body)
        whole = answer.read()
        if answer.status != 200:
            self._refuse(answer, whole)
        item = cbor.decode(whole)
        messages.check(form, item)
        return item

    def pull(self, spaces: list[dict], live: int | None = None):
        """The frames of an answer behind its greeting, one by one as they come."""
        request = {0: spaces} if live is None else {0: spaces, 1: live}
        return self.pull_bytes(cbor.encode(request))

    def pull_bytes(self, body: bytes):
        answer = self.send(PULL, body)
        if answer.status != 200:
            self._refuse(answer, answer.read())
        frames = self._frames(answer)
        hello = next(frames)
        if hello[0] != HELLO:
            raise AssertionError(f"no greeting: {messages.diagnostic(hello)}")
        if self.key not in (None, hello[1]):
            raise AssertionError("another relay's key")
        self.key, self.nonce = hello[1], hello[2]
        return frames

    def fresh_nonce(self) -> bytes:
        list(self.pull([]))
        return self.nonce

    @staticmethod
    def _frames(answer: http.client.HTTPResponse):
        # Reads no byte before it is needed, so that a live answer gives each frame when it comes.
        decoder = cbor2.CBORDecoder(answer, read_size=1)
        while True:
            try:
                frame = decoder.decode()
            except cbor2.CBORDecodeEOF:
                return
            messages.check("frame", frame)
            yield frame

    def _refuse(self, answer: http.client.HTTPResponse, whole: bytes):
        refusal = cbor.decode(whole)
        messages.check("refusal", refusal)
        self.nonce = refusal[2]
        raise Answered(answer.status, refusal)
