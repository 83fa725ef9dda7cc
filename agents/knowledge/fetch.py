"""Fetching a page whose URL a stranger chose, from public addresses only, within bounds of time and size.

The host is resolved once, all its addresses are checked, and the connection goes to a checked one, so a name that
resolves differently a second time has no effect. TLS is still checked by the name. A redirect is followed by hand
and checked like the first request. No cookie, key or proxy is used, so the server learns nothing about us.

All failures without an answer of a public server have the same wording, so that nobody can learn from it what is in
our network and what listens there.
"""

import asyncio
import socket
import zlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx2

SECONDS = 10.0
BYTES = 10 * 1024**2
REDIRECTS = 3
LONGEST_URL = 2_000
PORTS = {80, 443}
AGENT = "BookbagBot"
TYPES = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "application/xml", "text/xml")
# IPv6 networks whose addresses are translated to the IPv4 address in their last four bytes.
TRANSLATED = [IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96")]

UNREACHABLE = "The website could not be reached."
TOO_LARGE = "The page is too large to be read."
NO_TEXT = "What is there is not a page of text."


class NotFetched(Exception):
    """The page was not fetched; the message is for people. `status`: the status of a public server's answer, else 0."""

    def __init__(self, words: str = UNREACHABLE, *, status: int = 0) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Fetched:
    # The address after redirects.
    url: str
    media_type: str
    charset: str
    content: bytes


@dataclass(frozen=True)
class Target:
    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


def get(url: str, *, loopback: bool = False) -> Fetched:
    """Fetch `url`. Raises NotFetched. `loopback`, for tests, also allows this machine, at any port."""
    return asyncio.run(_get(url, loopback))


def canonical(url: str) -> str:
    """The normal form of an address: no fragment, host in lower case, no empty path. One page has one such form."""
    parts = urlsplit(urldefrag(url).url)
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path or "/").geturl()


def target_of(url: str, *, loopback: bool = False) -> Target:
    """Host and port of `url`, if it is allowed: http or https, a usual port, no user, no unusual name."""
    if len(url) > LONGEST_URL or any(sign.isspace() or not sign.isprintable() for sign in url) or "\\" in url:
        raise NotFetched
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host if ":" in host else host.rstrip(".").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise NotFetched from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "%" in host:
        raise NotFetched
    port = port if port is not None else {"http": 80, "https": 443}[parts.scheme]
    if port not in PORTS and not loopback:
        raise NotFetched
    return Target(parts.scheme, host, port)


def is_public(text: str, *, loopback: bool = False) -> bool:
    """Whether an address is public, in any spelling, and if it embeds an IPv4 address."""
    address = _unwrapped(ip_address(text.partition("%")[0]))
    if loopback and address.is_loopback:
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and any(address in network for network in TRANSLATED) and int(address) > 1:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


async def _get(url: str, loopback: bool) -> Fetched:
    try:
        async with asyncio.timeout(SECONDS):
            limits = httpx2.Timeout(SECONDS)
            async with httpx2.AsyncClient(trust_env=False, timeout=limits) as client:
                for _ in range(REDIRECTS + 1):
                    found = await _ask(client, url, loopback)
                    if isinstance(found, Fetched):
                        return found
                    url = found
    except NotFetched:
        raise
    # The errors of the libraries for unknown names, invalid certificates and malformed answers.
    except Exception:
        raise NotFetched from None
    raise NotFetched("The website sends from one address to the next without an end.", status=310)


async def _ask(client: httpx2.AsyncClient, url: str, loopback: bool) -> "Fetched | str":
    """The answer, or the address to which it redirects."""
    target = target_of(url, loopback=loopback)
    address = await _resolved(target, loopback)
    client.cookies.clear()
    headers = {
        "Host": target.netloc,
        "User-Agent": AGENT,
        "Accept": "text/html, text/plain;q=0.9, */*;q=0.1",
        "Accept-Encoding": "identity",
    }
    request = client.build_request(
        "GET",
        httpx2.URL(url).copy_with(host=address, port=target.port),
        headers=headers,
        extensions={"sni_hostname": target.host},
    )
    request.headers.pop("connection", None)
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        if response.is_redirect:
            return urljoin(url, response.headers["location"])
        return await _read(url, response)
    finally:
        await response.aclose()


async def _resolved(target: Target, loopback: bool) -> str:
    """One address of the host, if all of them are public."""
    found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(is_public(address, loopback=loopback) for address in addresses):
        raise NotFetched
    # IPv4 first, because not every machine can reach IPv6.
    return min(addresses, key=lambda address: ":" in address)


async def _read(url: str, response: httpx2.Response) -> Fetched:
    if response.status_code != 200:
        raise NotFetched(
            f"The website answered with status {response.status_code}.", status=response.status_code
        )
    media_type, charset = _type_of(response)
    if media_type not in TYPES:
        raise NotFetched(NO_TEXT, status=415)
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > BYTES:
        raise NotFetched(TOO_LARGE, status=413)
    unpack = _unpacker(response.headers.get("content-encoding", ""))
    content = bytearray()
    async for piece in response.aiter_raw():
        content += unpack.decompress(piece, BYTES + 1 - len(content)) if unpack else piece
        if len(content) > BYTES:
            raise NotFetched(TOO_LARGE, status=413)
    return Fetched(url, media_type, charset, bytes(content))


def _type_of(response: httpx2.Response) -> tuple[str, str]:
    media_type, _, rest = response.headers.get("content-type", "text/html").partition(";")
    charset = rest.partition("charset=")[2].partition(";")[0].strip(" \"'")
    return media_type.strip().lower(), charset[:40]


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    """We request an uncompressed body, but some servers compress it. Unpacked here, with a limit, which libraries lack."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    raise NotFetched(NO_TEXT, status=415)
