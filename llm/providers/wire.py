"""The HTTP layer under every twin: clients with limits, bounded answers, and errors translated into ours.

The official SDKs handle authentication, URLs, errors and connection pools. Their objects for each chunk take longer
than the rest of a reply, so the event stream is read raw from the SDK's own response
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
# Uncompressed only: a few compressed bytes could expand to gigabytes here.
HEADERS = {"Accept-Encoding": "identity"}


def _refuse_compression(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("compressed response refused", request=response.request)


async def _guard(response: httpx2.Response) -> None:
    """Runs before a body is read: refuses a compressed body and limits that of an error."""
    _refuse_compression(response)
    if response.is_error:
        response.stream = _Capped(response.stream, ERROR_BODY_BYTES)  # type: ignore[arg-type]


async def _guard_list(response: httpx2.Response) -> None:
    """The same for a list of models, which the SDK reads whole."""
    _refuse_compression(response)
    response.stream = _Capped(response.stream, LIST_BYTES)  # type: ignore[arg-type]


class _Capped(httpx2.AsyncByteStream):
    """At most `size` bytes of `inner`; the rest is dropped unread."""

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
    """The value of the Authorization header. Raises ProviderError REJECTED for a secret that cannot be in a header.

    Header libraries quote an invalid value in their error, so it must not reach them.
    """
    if not (secret.reveal().isascii() and secret.reveal().isprintable()):
        raise ProviderError(Fault.REJECTED, note="the secret fits no header")
    return f"Bearer {secret.reveal()}"


def async_client() -> httpx2.AsyncClient:
    """A client with one pool, for one provider and event loop: no redirects, no compression, limited error bodies."""
    return openai.DefaultAioHttpClient(
        limits=POOL,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard]},
        **egress.options(),
    )


def once_client(seconds: float) -> httpx2.AsyncClient:
    """A client without a pool, for the rare token-free calls.

    Pass `seconds` to the SDK as well: an SDK takes a client's time-out that equals httpx's default for "not set",
    and then uses ten minutes.
    """
    return httpx2.AsyncClient(
        timeout=seconds,
        follow_redirects=False,
        headers=HEADERS,
        event_hooks={"response": [_guard_list]},
        **egress.options(),
    )


def timeout(limits: Limits) -> httpx2.Timeout:
    """The transport's own time limits.

    Reading is limited by its callers, because a model may be silent while it thinks for longer than its first byte
    may take.
    """
    return httpx2.Timeout(
        connect=limits.connect_seconds,
        read=None,
        write=limits.first_byte_seconds,
        pool=limits.connect_seconds,
    )


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds from `retry-after-ms` or either form of Retry-After; None if missing, unreadable or in the past."""
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
    """The id that the provider's support asks for; empty when the answer has none that is safe to store."""
    found = next((headers[name] for name in REQUEST_ID_HEADERS if name in headers), "")
    return found if SAFE_REQUEST_ID.fullmatch(found) else ""


def headroom(headers: httpx2.Headers, names: Mapping[bytes, str]) -> dict[str, int] | None:
    """What is left of the account's rate limits, by the headers. `names`: from their names, in lower case, to ours."""
    found = {
        names[name]: int(left)
        for raw, left in headers.raw
        if (name := raw.lower()) in names and LEFT.fullmatch(left)
    }
    return found or None


# Enough digits for any account, and few enough to parse quickly.
LEFT = re.compile(rb"[0-9]{1,15}")


async def body_of(response: httpx2.Response) -> bytes:
    """The first ERROR_BODY_BYTES of a body that is no stream; the rest is dropped unread."""
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
        # After a refused value, the parameter is left out of this reply only. Temperature is left out for good: a
        # model that refuses one value accepts only its default.
        problem.is_lasting = problem.names == "temperature" or refusals.is_unsupported(answer)
    return problem


def from_answer(
    how: refusals.Refusals,
    answer: refusals.ErrorAnswer,
    headers: httpx2.Headers,
    *,
    retryable: bool | None = None,
) -> ProviderError:
    """The error for a refusal in the provider's own format, whether an answer or an event inside a stream."""
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
    """Our error for an error of the transport. Only its class name is kept, because its text may contain the key."""
    names = []
    link: BaseException | None = error
    while link is not None and not isinstance(link, asyncio.CancelledError):
        names.append(type(link).__name__)
        link = link.__cause__
    if any("Decod" in name for name in names):
        return ProviderError(Fault.MALFORMED, note="compressed response")
    # The transport reports a peer that hung up as a connect time-out; its cause distinguishes the two.
    if any("Timeout" in name for name in names[-1:]) or isinstance(error, TimeoutError):
        return ProviderError(Fault.TIMED_OUT)
    return ProviderError(Fault.UNREACHABLE, note=names[-1])


def listings(body: bytes, row_of: Callable[[dict[str, Any]], Listing]) -> tuple[list[Listing], bool]:
    """The models of one page of a list, and whether there are more. Raises ProviderError when it is no such page."""
    page = refusals.parsed(body)
    rows = page.get("data") if isinstance(page, dict) else None
    if not isinstance(rows, list):
        raise ProviderError(Fault.NOT_THE_PROVIDER, status=200, note=NOT_THEIRS)
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise ProviderError(Fault.MALFORMED, note="no list of models")
    found = [row_of(row) for row in rows if MODEL_ID.fullmatch(row["id"])]
    return found, page.get("has_more") is True


# An id of another form could neither be entered in our forms nor stored.
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\-]{0,99}")


def a_day(value: object) -> dt.date | None:
    """A date as the providers write it, alone or with a time; None for anything else."""
    try:
        return dt.date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
