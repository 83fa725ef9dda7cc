"""Refusals for scripts, used by the chat's views, the express lane and the error pages."""

from collections.abc import Sequence
from typing import Any

from django.http import JsonResponse

from agents import wording


def as_json(
    code: str,
    *,
    status: int,
    message: str = "",
    actions: Sequence[dict[str, str]] = (),
    data: dict[str, Any] | None = None,
) -> JsonResponse:
    """`{"error": {"code", "title", "message", "actions"}}`, with the entries of `data` added.

    Without `message`, the sentences are those of `code` in agents/wording.py, and `title` is the first of them, which
    pages show in bold; with a `message` the title is empty. `retry_after` in `data`, in seconds, also becomes the
    header.
    """
    facts = data or {}
    told = wording.Told("", message) if message else wording.told(code, facts)
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
