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
    """`{"error": {"code", "message", "actions"}}` and the facts of `data` beside them.

    Without `message`, the sentence is that of `code` in agents/words.py. `retry_after` among the facts, in seconds,
    also becomes the header.
    """
    facts = data or {}
    error = {
        "code": code,
        "message": message or words.refusal(code, facts),
        "actions": list(actions),
    }
    response = JsonResponse({"error": error | facts}, status=status)
    if "retry_after" in facts:
        response["Retry-After"] = str(facts["retry_after"])
    return response
