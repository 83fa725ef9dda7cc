"""The wire under every twin: HTTP clients with caps, answers within bounds, and errors made ours.

The official SDKs keep authentication, URLs, errors and connection pools. Their per-chunk objects
cost more than the rest of a reply, so the event stream is read raw from the SDK's own response
(docs/decisions/0006-raw-events.md).
"""

import asyncio
import datetime as dt
import email.utils
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2
import openai

from llm.providers import egress, refusals
from llm.providers.base import SAFE_REQUEST_ID, Fault, Limits, Listing, ProviderError, RevealsSecret

ERROR_BODY_BYTES = 64 * 1024
LIST_BYTES = 4 * 1024 * 1024
POOL = httpx2.Limits(max_connections=2000, max_keepalive_connections=200, keepalive_expiry=30)
# Compression would let a few bytes on the wire become gigabytes here.
HEADERS = {"Accept-Encoding": "identity"}


def _refuse_compression(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("compressed response refused", request=response.request)


async def _guard(response: httpx2.Response) -> None:
    """Before a body is read: refuse a compressed one, and cap that of an error."""
    _refuse_compression(response)
    if response.is_error:
        response.stream = _Capped(response.stream, ERROR_BODY_BYTES)  # type: ignore[arg-type]


async def _guard_list(response: httpx2.Response) -> None:
    """The same for a list of models, which is read whole by the SDK."""
    _refuse_compression(response)
    response.stream = _Capped(response.stream, LIST_BYTES)  # type: ignore[arg-type]


class _Capped(httpx2.AsyncByteStream):
    """At most `size` bytes of `inner`; what comes after is dropped unread."""

    def __init__(self, inner: httpx2.AsyncByteStream, size: int) -> None:
        self.inner, self.size = inner, size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self.size
        async for chunk in self.inner:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self.inner.aclose()


def bearer(secret: RevealsSecret) -> str:
    """The Authorization header's value. ProviderError REJECTED for a secret that fits no header.

    Header libraries quote an unfit value in their error, so none may get that far.
    """
    if not (secret.reveal().isascii() and secret.reveal().isprintable()):
        raise ProviderError(Fault.REJECTED, note="the secret fits no header")
    return f"Bearer {secret.reveal()}"


def async_client() -> httpx2.AsyncClient:
    """One pool for one provider and event loop: no redirects, no compression, capped error bodies."""
    return openai.DefaultAioHttpClient(
        limits=POOL,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard]},
        **egress.options(),
    )


def once_client(seconds: float) -> httpx2.AsyncClient:
    """For the rare token-free calls, which pool nothing. Give the SDK `seconds` as well: when the
    client's time-out equals httpx's default, an SDK takes it for "not set" and uses ten minutes."""
    return httpx2.AsyncClient(
        timeout=seconds,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard_list]},
        **egress.options(),
    )


def timeout(limits: Limits) -> httpx2.Timeout:
    """What the transport itself limits. Reading is limited by whoever reads: a model may think in silence for longer
    than its first byte may take."""
    return httpx2.Timeout(
        connect=limits.connect_seconds,
        read=None,
        write=limits.first_byte_seconds,
        pool=limits.connect_seconds,
    )


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds from `retry-after-ms` or either form of Retry-After; None for junk, absence or the past."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(name, "").strip()
        if NUMBER.fullmatch(value):
            return min(float(value) / unit, refusals.LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        seconds = moment.timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(seconds, refusals.LONGEST_WAIT) if seconds > 0 else None


NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{1,9})?", re.ASCII)
REQUEST_ID_HEADERS = ("x-request-id", "request-id")
NOT_THEIRS = "the answer is not in the provider's shape: a proxy, or a wrong base URL"


def request_id(headers: httpx2.Headers) -> str:
    """What the provider's support asks for first; empty when the answer has none that is safe to keep."""
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), "")
    return found if SAFE_REQUEST_ID.fullmatch(found) else ""


def headroom(headers: httpx2.Headers, names: Mapping[bytes, str]) -> dict[str, int] | None:
    """What the headers say is left of the account's rate limits; `names`: their names, in lower case, to ours."""
    found = {
        names[name]: int(left)
        for raw, left in headers.raw
        if (name := raw.lower()) in names and LEFT.fullmatch(left)
    }
    return found or None


# Digits enough for any account, and few enough to be read at once.
LEFT = re.compile(rb"[0-9]{1,15}")


async def body_of(response: httpx2.Response) -> bytes:
    """The first ERROR_BODY_BYTES of a body that is no stream; what comes after is dropped unread."""
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= ERROR_BODY_BYTES:
            break
    return body[:ERROR_BODY_BYTES]


def read_body(response: httpx2.Response) -> bytes:
    """The body of an error, as far as the SDK has read it."""
    try:
        return response.content
    except httpx2.ResponseNotRead:
        return b""


def refusal(
    how: refusals.Refusals, response: httpx2.Response, body: bytes, sent: frozenset[str] = frozenset()
) -> ProviderError:
    """The error for an HTTP answer that is no reply: a status, or a 200 that is not an event stream.

    `sent`: the parameters of the request that it may do without.
    """
    status = response.status_code
    if 300 <= status < 400:
        return ProviderError(Fault.REDIRECTED, status=status)
    answer = refusals.answer_of(how, status, refusals.parsed(body))
    asked = retry_after(response.headers)
    if answer is None:
        retryable = status >= 500 or status in (408, 429)
        return ProviderError(
            Fault.NOT_THE_PROVIDER, status=status, retry_after=asked, retryable=retryable, note=NOT_THEIRS
        )
    should_not = response.headers.get("x-should-retry") == "false"
    problem = from_answer(how, answer, response.headers, retryable=False if should_not else None)
    if problem.fault is Fault.BAD_REQUEST:
        problem.names = refusals.refused_parameter(answer, sent)
        # A refused value is left out of this reply only. A refused temperature is left out for good: models that refuse one
        # take none but their default.
        problem.is_lasting = problem.names == "temperature" or refusals.is_unsupported(answer)
    return problem


def from_answer(
    how: refusals.Refusals,
    answer: refusals.ErrorAnswer,
    headers: httpx2.Headers,
    *,
    retryable: bool | None = None,
) -> ProviderError:
    """The error for a refusal in the provider's own shape, as an answer or as an event inside a stream."""
    fault = refusals.fault_of(how, answer)
    wait = retry_after(headers)
    return ProviderError(
        fault,
        status=answer.status,
        code=answer.code or answer.kind,
        param=answer.param,
        request_id=request_id(headers),
        retry_after=refusals.told_wait(answer) if wait is None else wait,
        retryable=retryable,
    )


def from_transport(error: BaseException) -> ProviderError:
    """Our error for whatever the transport raised; only class names are kept, texts may hold the key."""
    names = []
    link: BaseException | None = error
    while link is not None and not isinstance(link, asyncio.CancelledError):
        names.append(type(link).__name__)
        link = link.__cause__
    if any("Decod" in name for name in names):
        return ProviderError(Fault.MALFORMED, note="compressed response")
    # The transport reports a peer that hung up as a time-out of connecting; its cause tells them apart.
    if any("Timeout" in name for name in names[-1:]) or isinstance(error, TimeoutError):
        return ProviderError(Fault.TIMED_OUT)
    return ProviderError(Fault.UNREACHABLE, note=names[-1])


def listings(body: bytes, row_of: Callable[[dict[str, Any]], Listing]) -> tuple[list[Listing], bool]:
    """The models of one page of a list, and whether there are more; ProviderError when it is none."""
    page = refusals.parsed(body)
    rows = page.get("data") if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise ProviderError(Fault.NOT_THE_PROVIDER, status=200, note=NOT_THEIRS)
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise ProviderError(Fault.MALFORMED, note="no list of models")
    found = [row_of(row) for row in rows if MODEL_ID.fullmatch(row["id"])]
    return found, page.get("has_more") is True


# An id of another shape could be neither entered nor stored.
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,99}")


def a_day(value: object) -> dt.date | None:
    """A date as the providers write them, alone or with a time; None for anything else."""
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
