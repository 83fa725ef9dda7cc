"""The functions that both wire modules have, as a protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .calls import Call
    from .refusals import Refusal
    from .roster import Known


class Wire(Protocol):
    """One provider's wire format. A finish is a key of FINISHES, a word of the provider's own, or None for no finish
    marker."""

    PROVIDER: str
    ERRORS: dict[str, Refusal]

    def secret_of(self, headers: dict[str, str]) -> str:
        """The provider key in these headers as received, or an empty string."""

    def headers(self, call: Call) -> bytes:
        """The header lines of every answer: the request's id and what is left of the rate limit."""

    def by_headers(self, headers: dict[str, str], chat: bool) -> Refusal | None:
        """The refusal of a request's headers, if the provider refuses them."""

    def by_form(self, call: Call) -> Refusal | None:
        """The refusal of the request's body, if every model would refuse it."""

    def by_model(self, call: Call, known: Known, gone: bool) -> Refusal | None:
        """The refusal of the request, if this model does not take it."""

    def thinking_tokens(self, call: Call, known: Known) -> int:
        """How many tokens this model thinks before it answers this call."""

    def max_tokens(self, call: Call) -> int | None:
        """How many tokens the client asks for at most."""

    def completion(self, call: Call, text: str, tokens: int, finish: str | None) -> bytes:
        """The whole reply as one JSON body."""

    def opening(self, call: Call) -> bytes:
        """The events that precede the first token of a reply without thinking."""

    def start(self, call: Call) -> bytes:
        """The first of the opening events alone."""

    def thinking_open(self, call: Call) -> bytes:
        """The events that say that the model thinks."""

    def ping(self, call: Call) -> bytes:
        """A ping, sent while the model thinks."""

    def thinking_close(self, call: Call) -> bytes:
        """The events that end the thinking."""

    def text_open(self, call: Call) -> bytes:
        """The events that begin the text after the thinking."""

    def framer(self, call: Call, field: str = "text") -> Callable[[str], bytes]:
        """A function from a token's text to its event. `field`: text or refusal."""

    def closing(self, call: Call, tokens: int, finish: str | None) -> bytes:
        """The events after the last token, with usage and the finish marker."""

    def ending(self, call: Call, tokens: int, finish: str | None) -> bytes:
        """The closing events of a reply that has begun no text."""

    def noise(self, call: Call) -> bytes:
        """Comments, unknown events and unknown fields, which are valid but to be ignored."""

    def strange_block(self, call: Call) -> bytes:
        """A block and an event of kinds that no client knows, to be sent before the text."""

    def event(self, event: dict[str, object]) -> bytes:
        """Any event, given as its JSON."""

    def last_event(self) -> bytes:
        """The bytes that end every stream."""

    def error_body(self, call: Call, refusal: Refusal) -> str:
        """The JSON body of an error."""

    def error_event(self, call: Call, refusal: Refusal) -> bytes:
        """An error inside a stream that began with 200."""

    def models(self, rows: list[dict[str, object]], query: dict[str, str]) -> bytes | Refusal:
        """The list of models."""

    def row(self, known: Known, day: str) -> dict[str, object]:
        """One model's row in the list, as it is on that day."""

    def is_listed(self, known: Known, day: str, query: dict[str, str]) -> bool:
        """Whether the list has this model on that day."""
