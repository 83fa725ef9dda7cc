"""What both providers have in common: opening a stream, reading it, listing models. A twin is what differs.

A provider's module makes one `Twin` of its request, its reading of events, its list of models and its SDK.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from llm.providers import events, wire
from llm.providers.base import Call, Fault, Listing, Outcome, ProviderError, RevealsSecret

# A list that goes on for longer than this many pages is none.
PAGES = 20
# A body of one of these is no event stream, whatever its status. Gateways call a stream many things.
NO_STREAM = ("application/json", "application/problem+json", "text/html", "application/xml", "text/xml")


@dataclass(frozen=True, slots=True)
class Twin:
    """One provider. `client(base_url)` is its SDK's warm client; `once(base_url, seconds)` one for a single call."""

    provider: str
    client: Callable[[str], Any]
    once: Callable[[str, float], Any]
    status_error: type[Exception]
    path: str
    stream_cls: type[Any]
    body: Callable[[Call], Mapping[str, object]]
    # Parameters of the body that a request may do without, in the provider's words.
    optional: frozenset[str]
    # Sent with every call, beside the SDK's own.
    fixed_headers: Mapping[str, str]
    text_of: events.TextOf
    headroom: Mapping[bytes, str]  # headers about the account's rate limits, to our names
    list_path: Callable[[str], str]  # of the page after a model id; empty for the first
    row_of: Callable[[dict[str, Any]], Listing]

    async def stream(self, call: Call, outcome: Outcome) -> AsyncIterator[str]:
        """Text pieces as they arrive; ProviderError for every way it can fail. Another attempt is the caller's business."""
        response = await self._open(call, outcome)
        outcome.request_id = wire.request_id(response.headers)
        outcome.headroom = wire.headroom(response.headers, self.headroom)
        try:
            async for piece in events.read_events(response, call.limits, outcome, self.text_of):
                yield piece
        finally:
            await response.aclose()

    def auth_headers(self, secret: RevealsSecret) -> dict[str, str]:
        """What the SDK itself would send for this secret; a test holds the two together."""
        return {"Authorization": wire.bearer(secret)}

    def sent(self, call: Call) -> dict[str, object]:
        """The body of a call, without what it is to leave out."""
        return {name: value for name, value in self.body(call).items() if name not in call.left_out}

    async def _open(self, call: Call, outcome: Outcome) -> httpx2.Response:
        try:
            # A limit of the transport's is for each read, and a peer that sends its headers byte by byte meets none.
            async with asyncio.timeout(call.limits.first_byte_seconds):
                return await self._post(call, outcome)
        except TimeoutError:
            problem = ProviderError(
                Fault.TIMED_OUT, note=f"no answer in {call.limits.first_byte_seconds:g} s"
            )
        # Outside the handler, as in _post.
        raise problem

    async def _post(self, call: Call, outcome: Outcome) -> httpx2.Response:
        # The secret as a header of this one request: a client copied for it (with_options) costs a sixth of the
        # event loop's time in a reply, and would keep the secret.
        # Nor is it kept in a variable, which a traceback of what is raised below would show.
        try:
            response: httpx2.Response = await self.client(call.base_url).post(
                self.path,
                cast_to=httpx2.Response,
                body=self.sent(call),
                options={
                    "headers": {**self.auth_headers(call.secret), **self.fixed_headers},
                    "timeout": wire.timeout(call.limits),
                },
                stream=True,
                stream_cls=self.stream_cls,
            )
            if not response.headers.get("content-type", "").startswith(NO_STREAM):
                return response
            problem = await self._no_stream(response, call)
        except ProviderError:
            raise
        except Exception as error:  # the SDK's, httpx's, and what the transport below raises for broken HTTP
            if isinstance(error, self.status_error):
                outcome.headroom = wire.headroom(error.response.headers, self.headroom)  # type: ignore[attr-defined]
            problem = self._problem(error, frozenset(self.sent(call)) & self.optional)
        # Raised outside the handler: an SDK error kept as context would carry the request's headers.
        raise problem

    async def _no_stream(self, response: httpx2.Response, call: Call) -> ProviderError:
        try:
            async with asyncio.timeout(call.limits.first_byte_seconds):
                return wire.refusal(self.provider, response, await wire.body_of(response))
        finally:
            await response.aclose()

    def _problem(self, error: Exception, sent: frozenset[str] = frozenset()) -> ProviderError:
        if isinstance(error, self.status_error):
            response: httpx2.Response = error.response  # type: ignore[attr-defined]
            return wire.refusal(self.provider, response, wire.read_body(response), sent)
        return wire.from_transport(error)

    async def list_models(self, secret: RevealsSecret, *, base_url: str, seconds: float) -> list[Listing]:
        """The models of this key's account, free of tokens, within `seconds`; ProviderError when it does not say."""
        found: list[Listing] = []
        try:
            async with asyncio.timeout(seconds), self.once(base_url, seconds) as once:
                more = True
                for _ in range(PAGES):
                    page = await once.get(
                        self.list_path(found[-1].model_id if found else ""),
                        cast_to=httpx2.Response,
                        options={"headers": {**self.auth_headers(secret), **self.fixed_headers}},
                    )
                    rows, more = wire.listings(page.content, self.row_of)
                    found += rows
                    if not more or not rows:
                        break
            return found
        except ProviderError:
            raise
        except Exception as error:  # as in _open
            problem = self._problem(error)
        raise problem
