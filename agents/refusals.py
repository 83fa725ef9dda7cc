"""A refusal as scripts get it, whoever refuses: the chat's views, the express lane, an error page."""

from collections.abc import Sequence
from typing import Any

from django.http import JsonResponse

from agents import words


def as_json(
    code: str,
    *,
    status: int,
    message: str = "",
    actions: Sequence[dict[str, str]] = (),
    data: dict[str, Any] | None = None,
) -> JsonResponse:
    """`{"error": {"code", "title", "message", "actions"}}` and the facts of `data` beside them.

    Without `message`, the sentences are those of `code` in agents/words.py; `title` is the first of them, which pages
    show in bold, and empty with a `message`. `retry_after` among the facts, in seconds, also becomes the header.
    """
    facts = data or {}
    told = words.Told("", message) if message else words.told(code, facts)
    error = {
        "code": code,
        "title": told.title,
        "message": " ".join(filter(None, told)),
        "actions": list(actions),
    }
    response = JsonResponse({"error": error | facts}, status=status)
    if "retry_after" in facts:
        response["Retry-After"] = str(facts["retry_after"])
    return response
