"""The meaning of a provider's refusal, by its status, its code or type, and phrases of its message.

Each twin has a table of its own. It is read from the top, and the first row that fits decides. A row fits when all
of its conditions do; an empty condition always fits. Messages are compared in lower case and are never kept. Only a
body in the provider's own error format is looked up. Any other (`answer_of` returns None) does not come from the
provider, and tells nothing about the key, the model or the account's money.
"""

import datetime as dt
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llm.providers.base import Fault


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """A refusal in the provider's words. `status` is None for an error event inside a stream."""

    status: int | None
    code: str = ""
    kind: str = ""  # the error's `type`
    param: str = ""
    message: str = ""  # lower case; may echo the key, so it is compared and dropped


@dataclass(frozen=True, slots=True)
class FaultRow:
    fault: Fault
    statuses: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()  # the error's code or its type
    phrases: tuple[str, ...] = ()  # any of these, anywhere in the message

    def fits(self, answer: ErrorAnswer) -> bool:
        if self.statuses and answer.status not in self.statuses:
            return False
        if self.codes and not self.codes & {answer.code, answer.kind}:
            return False
        return not self.phrases or any(phrase in answer.message for phrase in self.phrases)


def row(
    fault: Fault, *, status: tuple[int, ...] = (), code: str = "", phrases: tuple[str, ...] = ()
) -> FaultRow:
    """A row of a table. `code`: codes or types, separated by blanks; `phrases`: in lower case."""
    return FaultRow(fault, frozenset(status), frozenset(code.split()), phrases)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How one provider refuses.

    `is_own(body, error)`: whether a parsed body and its error are in the provider's format.
    `member`: the member of the body that holds the error; empty if the whole body is the error.
    """

    is_own: Callable[[dict[str, Any], dict[str, Any]], bool]
    table: tuple[FaultRow, ...]
    member: str = "error"


# The fault by status alone, when no row of a table fits.
FAULT_OF_STATUS = {
    401: Fault.REJECTED,
    402: Fault.NO_FUNDS,
    403: Fault.NOT_ALLOWED,
    404: Fault.MODEL_MISSING,
    413: Fault.TOO_LARGE,
    429: Fault.RATE_LIMITED,
}


def fault_of(refusals: Refusals, answer: ErrorAnswer) -> Fault:
    """The fault of a refusal in the provider's own format."""
    for one in refusals.table:
        if one.fits(answer):
            return one.fault
    status = answer.status
    if status is None or status >= 500 or status in (408, 409, 425):
        return Fault.UNAVAILABLE
    return FAULT_OF_STATUS.get(status, Fault.BAD_REQUEST)


def answer_of(refusals: Refusals, status: int | None, body: Any) -> ErrorAnswer | None:
    """A parsed body as a refusal; None when it is not in the provider's own error format.

    A numeric code, which gateways send inside a stream, is taken as the status.
    """
    if not isinstance(body, dict):
        return None
    error = body.get(refusals.member) if refusals.member else body
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    if not refusals.is_own(body, error):
        return None
    code = error.get("code")
    details = error.get("details")
    if isinstance(details, dict) and isinstance(details.get("error_code"), str):
        code = details["error_code"]
    if status is None and type(code) is int and 100 <= code <= 599:
        status = code
    return ErrorAnswer(
        status=status,
        code=code if isinstance(code, str) else "",
        kind=error["type"] if isinstance(error.get("type"), str) else "",
        param=error["param"] if isinstance(error.get("param"), str) else "",
        message=error["message"][:2000].lower(),
    )


def parsed(body: bytes) -> Any:
    """A body's JSON, or None."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


LONGEST_WAIT = 40 * 86_400.0  # seconds; a longer wait is taken for a provider's mistake
# The first part of a name such as `messages[0].content`.
PART_END = re.compile(r"[.\[]")
UNSUPPORTED = (
    "unsupported parameter",
    "unknown parameter",
    "unrecognized",
    "extra inputs are not permitted",
    "is deprecated",
)


def is_unsupported(answer: ErrorAnswer) -> bool:
    """Whether a refusal is about the parameter as such, not about its value."""
    if answer.code in ("unsupported_parameter", "unknown_parameter"):
        return True
    return any(phrase in answer.message for phrase in UNSUPPORTED)


def refused_parameter(answer: ErrorAnswer, sent: frozenset[str]) -> str:
    """Which of the `sent` parameters the refusal names, in its `param` or its message; empty if none."""
    named = PART_END.split(answer.param, maxsplit=1)[0]
    if named in sent:
        return named
    return next((name for name in sorted(sent) if _names(answer.message, name)), "")


def _names(message: str, name: str) -> bool:
    return any(form in message for form in (f"'{name}'", f"`{name}`", f'"{name}"')) or message.startswith(
        (f"{name}:", f"{name}.")
    )


REGAIN = re.compile(r"regain access on (\d{4}-\d{2}-\d{2})(?: at (\d{2}):(\d{2}))?")


def told_wait(answer: ErrorAnswer) -> float | None:
    """Seconds until a time given in the message, as in Anthropic's errors about spend limits; None without one."""
    match = REGAIN.search(answer.message)
    if match is None:
        return None
    try:
        at = dt.datetime.fromisoformat(f"{match[1]}T{match[2] or '00'}:{match[3] or '00'}+00:00")
    except ValueError:
        return None
    seconds = at.timestamp() - time.time()
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None
