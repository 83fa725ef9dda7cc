"""Parrot's own side: the service that tests/llm/third_provider.py is a twin of, on a loopback address."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

ACCEPTED = "prt-live-aB3dE5fG7hJ9kL2mN4"
ErrorAnswer = tuple[int, str, bytes]


def refusal(status: int, code: str, message: str = "no") -> ErrorAnswer:
    body = {"bird": "parrot", "type": code, "message": message}
    return status, "application/json", json.dumps(body).encode()


def events(*all_of_them: dict[str, Any]) -> ErrorAnswer:
    lines = "".join(f"data: {json.dumps(event)}\n\n" for event in all_of_them)
    return 200, "text/event-stream", lines.encode()


@dataclass
class Parrot:
    """`answers` are given to requests for a completion, in turn; `asked` is what came, `secrets` with which key."""

    url: str
    answers: list[ErrorAnswer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def forget(self) -> None:
        for kept in (self.answers, self.asked, self.secrets):
            kept.clear()

    def birds(self, secret: str) -> ErrorAnswer:
        if secret != ACCEPTED:
            return refusal(401, "unknown_voice")
        rows = [{"id": "parrot-grey", "memory": 9_000}, {"id": "parrot-green"}]
        return 200, "application/json", json.dumps({"data": rows}).encode()

    def talk(self, secret: str, body: bytes) -> ErrorAnswer:
        self.secrets.append(secret)
        self.asked.append(json.loads(body))
        return self.answers.pop(0)


@contextmanager
def listening() -> Iterator[Parrot]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/birds"
            self.give(parrot.birds(self.secret()))

        def do_POST(self) -> None:
            assert self.path == "/talk"
            self.give(parrot.talk(self.secret(), self.rfile.read(int(self.headers["content-length"]))))

        def secret(self) -> str:
            return str(self.headers["authorization"]).removeprefix("Bearer ")

        def give(self, answer: ErrorAnswer) -> None:
            status, kind, body = answer
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        parrot = Parrot(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield parrot
        server.shutdown()
