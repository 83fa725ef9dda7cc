"""A website on this machine, for tests of what fetches pages: it counts who asks and for what."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """`pages` by path: HTML, or what answers by itself. Any other path is 404."""

    port: int = 0
    pages: dict[str, "str | Answer"] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            answer = site.pages.get(self.path) or site.pages.get(self.path.partition("?")[0])
            with suppress(OSError):  # the other side may have heard enough
                answer(self) if callable(answer) else plain(self, answer)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def plain(handler: BaseHTTPRequestHandler, text: str | None, media_type: str = "text/html") -> None:
    head(handler, 404 if text is None else 200, **{"Content-Type": media_type})
    handler.wfile.write((text or "").encode())


def head(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def of_type(media_type: str, text: str) -> Answer:
    return lambda handler: plain(handler, text, media_type)


def sent_to(address: str) -> Answer:
    return lambda handler: head(handler, 302, Location=address, Set_Cookie="taste=1; Path=/")


def endless(handler: BaseHTTPRequestHandler) -> None:
    head(handler, 200, Content_Type="text/html")
    while True:
        handler.wfile.write(b"more and more " * 1_000)


def slow(handler: BaseHTTPRequestHandler) -> None:
    head(handler, 200, Content_Type="text/html")
    while True:
        handler.wfile.write(b".")
        handler.wfile.flush()
        time.sleep(0.05)


def packed(content: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        head(handler, 200, Content_Type="text/html", Content_Encoding="gzip")
        handler.wfile.write(gzip.compress(content))

    return answer
