"""What all providers have in common: opening a stream, reading it, listing models. A `Twin` holds the differences.

A provider's module makes one `Twin` of its SDK, its request, its reading of events, its errors and its list of models.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from llm.providers import events, wire
from llm.providers.base import Call, Fault, Listing, ProviderError, ResponseMetadata, RevealsSecret
from llm.providers.clients import Sdk
from llm.providers.refusals import Refusals

# The most pages read of a list of models.
PAGES = 20
# Content types that are never an event stream, whatever the status. Any other type is read as a stream, since
# gateways label streams in many ways.
NO_STREAM = ("application/json", "application/problem+json", "text/html", "application/xml", "text/xml")


@dataclass(frozen=True, slots=True)
class Twin:
    """The differences of one provider from the others."""

    sdk: Sdk
    path: str  # the path of a completion, after the base URL
    body: Callable[[Call], Mapping[str, object]]
    # Parameters of the body that a request may leave out, in the provider's words.
    optional: frozenset[str]
    text_of: events.TextOf
    refusals: Refusals
    row_of: Callable[[dict[str, Any]], Listing]  # turns a row of the account's list into a model
    # The path of the list's next page, after a model id; for the first page the id is empty.
    list_path: Callable[[str], str] = lambda after: "/models"
    # The headers about the account's rate limits, in lower case, with our names for them.
    headroom: Mapping[bytes, str] = field(default_factory=dict)
    # Headers sent with every call in addition to the SDK's own.
    fixed_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Callable[[str], Any]:
        """The SDK's warm client for a base URL, in this event loop."""
        return self.sdk.warm

    async def stream(self, call: Call, metadata: ResponseMetadata) -> AsyncIterator[str]:
        """Text as it arrives. Every failure raises ProviderError; the caller decides whether to try again."""
        response = await self._open(call, metadata)
        metadata.request_id = wire.request_id(response.headers)
        metadata.headroom = wire.headroom(response.headers, self.headroom)
        try:
            async for piece in events.read_events(response, call.limits, metadata, self.text_of):
                yield piece
        finally:
            await response.aclose()

    def auth_headers(self, secret: RevealsSecret) -> dict[str, str]:
        """The headers that the SDK itself would send for this secret; a test compares the two."""
        return {"Authorization": wire.bearer(secret)}

    def sent(self, call: Call) -> dict[str, object]:
        """The body of a call, without the parameters in `left_out`."""
        return {name: value for name, value in self.body(call).items() if name not in call.left_out}

    async def _open(self, call: Call, metadata: ResponseMetadata) -> httpx2.Response:
        try:
            # The transport's limits are per read, so a peer that sends its headers byte by byte never exceeds one;
            # this limit is for the whole.
            async with asyncio.timeout(call.limits.first_byte_seconds):
                return await self._post(call, metadata)
        except TimeoutError:
            problem = ProviderError(
                Fault.TIMED_OUT, note=f"no answer in {call.limits.first_byte_seconds:g} s"
            )
        # Raised outside the handler, for the reason given in _post.
        raise problem

    async def _post(self, call: Call, metadata: ResponseMetadata) -> httpx2.Response:
        # The secret is sent as a header of this one request. Copying the client (with_options) would take a sixth of
        # the event loop's time of a reply, and the copy would keep the secret. It is not kept in a variable, because
        # tracebacks show variables.
        try:
            response: httpx2.Response = await self.sdk.warm(call.base_url).post(
                self.path,
                cast_to=httpx2.Response,
                body=self.sent(call),
                options={
                    "headers": {**self.auth_headers(call.secret), **self.fixed_headers},
                    "timeout": wire.timeout(call.limits),
                },
                stream=True,
                stream_cls=self.sdk.stream,
            )
            if not response.headers.get("content-type", "").startswith(NO_STREAM):
                return response
            problem = await self._no_stream(response, call)
        except ProviderError:
            raise
        except (
            Exception
        ) as error:  # errors of the SDK, of httpx, and of the transport below it for broken HTTP
            if isinstance(error, self.sdk.status_error):
                metadata.headroom = wire.headroom(error.response.headers, self.headroom)  # type: ignore[attr-defined]
            problem = self._problem(error, frozenset(self.sent(call)) & self.optional)
        # Raised outside the handler, because an SDK error kept as its context would carry the request's headers.
        raise problem

    async def _no_stream(self, response: httpx2.Response, call: Call) -> ProviderError:
        try:
            async with asyncio.timeout(call.limits.first_byte_seconds):
                return wire.refusal(self.refusals, response, await wire.body_of(response))
        finally:
            await response.aclose()

    def _problem(self, error: Exception, sent: frozenset[str] = frozenset()) -> ProviderError:
        if isinstance(error, self.sdk.status_error):
            response: httpx2.Response = error.response  # type: ignore[attr-defined]
            return wire.refusal(self.refusals, response, wire.read_body(response), sent)
        return wire.from_transport(error)

    async def list_models(self, secret: RevealsSecret, *, base_url: str, seconds: float) -> list[Listing]:
        """The models of this key's account, fetched without spending tokens, within `seconds`. Raises ProviderError."""
        found: list[Listing] = []
        try:
            async with asyncio.timeout(seconds), self.sdk.once(base_url, seconds) as once:
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
