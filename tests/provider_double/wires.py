"""What the two wire modules have in common, as a protocol: the modules are twins, function by function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .calls import Call


class Wire(Protocol):
    """One provider's wire format. Finishes are stop, length, refusal and filter; None means no finish marker."""

    PROVIDER: str
    MODELS: list[str]

    def secret_of(self, headers: dict[str, str]) -> str:
        """The provider key in these headers as received, or an empty string."""

    def request_id(self, call: Call) -> bytes:
        """The response header line that names this request."""

    def complaint(self, call: Call) -> tuple[str, str] | None:
        """What the provider would refuse in the request body: the parameter's name and its message."""

    def max_tokens(self, call: Call) -> int | None:
        """How many tokens the client asks for at most."""

    def completion(self, call: Call, text: str, tokens: int, finish: str | None) -> bytes:
        """The whole reply as one JSON body."""

    def opening(self, call: Call) -> bytes:
        """The events that precede the first token."""

    def framer(self, call: Call, field: str = "text") -> Callable[[str], bytes]:
        """A function from a token's text to its event; the field is text or refusal."""

    def closing(self, call: Call, tokens: int, finish: str | None) -> bytes:
        """The events after the last token, with usage and the finish marker."""

    def noise(self, call: Call) -> bytes:
        """Comments, unknown events and unknown fields: all valid, all to be ignored."""

    def error(self, call: Call, kind: str, detail: str = "") -> tuple[int, bytes]:
        """Status and JSON body of an error."""

    def error_event(self, call: Call, kind: str) -> bytes:
        """An error inside a stream that began with 200."""

    def models(self, ids: list[str], query: dict[str, str]) -> bytes:
        """The list of models."""

    def model(self, name: str) -> bytes:
        """One model of the list."""
