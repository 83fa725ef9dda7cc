"""The sample configurations of deploy/ in a real nginx and a real HAProxy, before servers of the test.

Only addresses and the certificate's path are replaced in them. Without the program a test is skipped with
that reason; BOOKBAG_REQUIRE_PROXIES makes it a failure.
"""

import datetime as dt
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness.live import ROOT, Server
from tests.harness.waiting import eventually

DEPLOY = ROOT / "deploy"
PATIENT = 30.0
# Debian's main configuration, without what needs root or belongs to one machine.
NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
{user}
worker_processes 1;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/upstream.conf;
    include {directory}/bookbag.conf;
}}
"""

StartProxy = Callable[..., "Proxy"]


class Proxy:
    """One proxy; `url` is where people reach it over TLS, `plain` without."""

    def __init__(self, kind: str, directory: Path, servers: list[Server]) -> None:
        self.directory = directory
        self.ports = [free_port(), free_port()]
        self.plain, self.url = f"http://127.0.0.1:{self.ports[0]}", f"https://127.0.0.1:{self.ports[1]}"
        self.addresses = [server.url.removeprefix("http://") for server in servers]
        _write_certificate(directory)
        command = self._nginx() if kind == "nginx" else self._haproxy()
        with (directory / "output").open("wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    @property
    def output(self) -> str:
        logs = [self.directory / "output", self.directory / "error.log"]
        return "".join(log.read_text() for log in logs if log.exists())

    def answers(self) -> bool:
        assert self.process.poll() is None, self.output
        with socket.socket() as knock:
            return knock.connect_ex(("127.0.0.1", self.ports[1])) == 0

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _nginx(self) -> list[str]:
        upstream = (DEPLOY / "nginx/upstream.conf").read_text()
        (self.directory / "upstream.conf").write_text(self._with_addresses(upstream))
        site = (DEPLOY / "nginx/bookbag.conf").read_text()
        site = re.sub(r" +listen \[::\].*\n", "", site)
        site = site.replace("listen 80;", f"listen 127.0.0.1:{self.ports[0]};")
        site = site.replace("listen 443 ", f"listen 127.0.0.1:{self.ports[1]} ")
        (self.directory / "bookbag.conf").write_text(self._with_certificate(site))
        user = "user root;" if os.getuid() == 0 else ""
        (self.directory / "nginx.conf").write_text(NGINX.format(directory=self.directory, user=user))
        return ["nginx", "-p", str(self.directory), "-c", str(self.directory / "nginx.conf")]

    def _haproxy(self) -> list[str]:
        whole = (DEPLOY / "haproxy.cfg").read_text()
        whole = whole.replace("bind :80", f"bind 127.0.0.1:{self.ports[0]}")
        whole = whole.replace("bind :443 ", f"bind 127.0.0.1:{self.ports[1]} ")
        (self.directory / "haproxy.cfg").write_text(self._with_certificate(self._with_addresses(whole)))
        return ["haproxy", "-db", "-f", str(self.directory / "haproxy.cfg")]

    def _with_certificate(self, text: str) -> str:
        return text.replace("/etc/ssl/bookbag", str(self.directory))

    def _with_addresses(self, text: str) -> str:
        """Replace the sample's two servers, or only the first, by ours."""
        lines = [line for line in text.splitlines() if "127.0.0.1:800" not in line or self._is_ours(line)]
        for number, address in enumerate(self.addresses, start=1):
            lines = [line.replace(f"127.0.0.1:800{number}", address) for line in lines]
        return "\n".join(lines) + "\n"

    def _is_ours(self, line: str) -> bool:
        return any(f"127.0.0.1:800{number}" in line for number in range(1, len(self.addresses) + 1))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _write_certificate(directory: Path) -> None:
    """A self-signed certificate for 127.0.0.1, in two files for nginx and in one for HAProxy."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bookbag.example")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "fullchain.pem").write_bytes(certificate)
    (directory / "privkey.pem").write_bytes(private)
    (directory / "bookbag.pem").write_bytes(certificate + private)


@pytest.fixture
def start_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartProxy]:
    """`start_proxy("nginx", server, …)`: ended with the test."""
    started: list[Proxy] = []

    def start(kind: str, *servers: Server) -> Proxy:
        need(kind)
        directory = tmp_path_factory.mktemp(kind)
        started.append(Proxy(kind, directory, list(servers)))
        assert eventually(started[-1].answers, seconds=PATIENT), started[-1].output
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


def need(program: str) -> None:
    """Skip, or fail where it is required, when `program` is not installed."""
    if shutil.which(program) is None:
        told = f"{program} is not installed (Debian: apt-get install {program})"
        pytest.fail(told) if os.environ.get("BOOKBAG_REQUIRE_PROXIES") else pytest.skip(told)
