"""What a provider's refusal means: one table, by status, code, type and first words.

The table is read from the top, and the first row that fits decides. A row fits when each of its own conditions does;
an empty condition asks for nothing. Words are compared in lower case and are never kept. Only a body in the provider's
own error shape is looked up here: anything else is not the provider's word (`answer_of` returns None) and says nothing
of key, model or money.

Sources: the providers' error references and API reference, the error types of the locked SDKs, and answers that users
of both have published, as of 25 November 2026.
"""

import datetime as dt
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from llm.providers.base import Fault


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal as the provider worded it. `status` is None for an error event inside a stream."""

    status: int | None
    code: str = ""
    kind: str = ""  # the error's `type`
    param: str = ""
    words: str = ""  # lower case; may echo the key, so it is compared and dropped


@dataclass(frozen=True, slots=True)
class Row:
    fault: Fault
    statuses: frozenset[int] = frozenset()
    codes: frozenset[str] = frozenset()  # the error's code or its type
    words: tuple[str, ...] = ()  # any of these, anywhere in the message

    def fits(self, answer: Answer) -> bool:
        if self.statuses and answer.status not in self.statuses:
            return False
        if self.codes and not self.codes & {answer.code, answer.kind}:
            return False
        return not self.words or any(words in answer.words for words in self.words)


def _row(fault: Fault, *, status: tuple[int, ...] = (), code: str = "", words: tuple[str, ...] = ()) -> Row:
    return Row(fault, frozenset(status), frozenset(code.split()), words)


OPENAI = (
    _row(
        Fault.NO_FUNDS,
        code="insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded "
        "project_spend_limit_exceeded organization_usage_limit_exceeded project_usage_limit_exceeded "
        "billing_not_active billing_hard_limit_reached",
    ),
    _row(Fault.NO_FUNDS, words=("exceeded your current quota", "hard limit has been reached", "spend limit")),
    _row(Fault.NO_FUNDS, status=(402,)),
    _row(Fault.WRONG_REGION, code="incorrect_hostname"),
    _row(Fault.WRONG_REGION, words=("incorrect regional hostname",)),
    _row(Fault.ADDRESS_REFUSED, code="ip_not_authorized"),
    _row(Fault.ADDRESS_REFUSED, status=(401, 403), words=("request ip", "ip address", "ip allowlist")),
    _row(Fault.PLACE_NOT_SERVED, code="unsupported_country_region_territory"),
    _row(Fault.PLACE_NOT_SERVED, words=("country, region, or territory not supported",)),
    _row(Fault.LACKS_PERMISSION, status=(401, 403), code="missing_scope"),
    _row(Fault.LACKS_PERMISSION, status=(401, 403), words=("missing scopes", "insufficient permissions")),
    _row(
        Fault.OTHER_API,
        words=(
            "only supported in v1/responses",
            "not a chat model",
            "not supported in the v1/chat/completions",
            "use the responses api",
        ),
    ),
    _row(Fault.MODEL_MISSING, code="model_not_found"),
    _row(Fault.MODEL_MISSING, words=("does not have access to model", "has been deprecated")),
    _row(Fault.TOO_LARGE, code="context_length_exceeded request_too_large string_above_max_length"),
    _row(
        Fault.TOO_LARGE, words=("request too large", "maximum context length", "exceeds the context window")
    ),
    _row(Fault.TOO_LARGE, status=(413,)),
    _row(Fault.ORGANISATION_UNVERIFIED, words=("organization must be verified",)),
    _row(Fault.ORGANISATION_DISABLED, code="organization_deactivated"),
    _row(
        Fault.ORGANISATION_DISABLED,
        words=("organization has been disabled", "organization has been deactivated"),
    ),
    _row(Fault.DECLINED, code="content_policy_violation content_filter invalid_prompt"),
    _row(
        Fault.DECLINED,
        status=(400, 403),
        words=("usage policy", "usage policies", "content policy", "safety system"),
    ),
    _row(Fault.REJECTED, code="invalid_api_key account_deactivated"),
    _row(Fault.REJECTED, status=(401,)),
    _row(Fault.RATE_LIMITED, code="rate_limit_exceeded rate_limit_error requests tokens"),
    _row(Fault.RATE_LIMITED, status=(429,)),
    _row(Fault.UNAVAILABLE, code="server_error overloaded_error engine_overloaded internal_error"),
    _row(Fault.NOT_ALLOWED, status=(403,)),
    # Only a wrong base URL meets these; an unknown model has a code or names the parameter.
    _row(Fault.NOT_THE_PROVIDER, code="unknown_url"),
    _row(
        Fault.NOT_THE_PROVIDER,
        status=(404, 405),
        words=("invalid url", "unknown request url", "not found", "not allowed"),
    ),
    _row(Fault.MODEL_MISSING, status=(404,)),
)

ANTHROPIC = (
    _row(Fault.NO_FUNDS, code="billing_error enforced_spend_limit_reached"),
    _row(
        Fault.NO_FUNDS,
        words=(
            "credit balance is too low",
            "api usage limits",
            "spend limit",
            "spending limit",
            "usage limit reached",
        ),
    ),
    _row(Fault.NO_FUNDS, status=(402,)),
    _row(Fault.TOO_LARGE, code="request_too_large"),
    _row(Fault.TOO_LARGE, words=("prompt is too long", "exceed context limit")),
    _row(Fault.TOO_LARGE, status=(413,)),
    _row(Fault.ORGANISATION_DISABLED, words=("organization has been disabled",)),
    _row(Fault.DECLINED, status=(400,), words=("content filter", "usage policy")),
    _row(Fault.REJECTED, code="authentication_error"),
    _row(Fault.REJECTED, status=(401,)),
    _row(Fault.RATE_LIMITED, code="rate_limit_error"),
    _row(Fault.UNAVAILABLE, code="overloaded_error api_error timeout_error"),
    _row(Fault.NOT_ALLOWED, code="permission_error"),
    _row(Fault.NOT_ALLOWED, status=(403,)),
    _row(Fault.MODEL_MISSING, code="not_found_error", words=("model",)),
    _row(Fault.NOT_THE_PROVIDER, status=(404, 405)),
    _row(Fault.RATE_LIMITED, status=(429,)),
)

TABLES = {"openai": OPENAI, "anthropic": ANTHROPIC}


def fault_of(provider: str, answer: Answer) -> Fault:
    """The fault of a refusal in the provider's own shape."""
    for row in TABLES[provider]:
        if row.fits(answer):
            return row.fault
    status = answer.status
    if status is None or status >= 500 or status in (408, 409, 425):
        return Fault.UNAVAILABLE
    return Fault.BAD_REQUEST


def answer_of(provider: str, status: int | None, body: Any) -> Answer | None:
    """A parsed body as a refusal; None when it is not in the provider's own error shape.

    A number as the code, as gateways send it inside a stream, is a status.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    if provider == "anthropic" and (body.get("type") != "error" or not isinstance(error.get("type"), str)):
        return None
    if provider == "openai" and not {"type", "code"} & error.keys():
        return None
    code = error.get("code")
    details = error.get("details")
    if isinstance(details, dict) and isinstance(details.get("error_code"), str):
        code = details["error_code"]
    if status is None and type(code) is int and 100 <= code <= 599:
        status = code
    return Answer(
        status=status,
        code=code if isinstance(code, str) else "",
        kind=error["type"] if isinstance(error.get("type"), str) else "",
        param=error["param"] if isinstance(error.get("param"), str) else "",
        words=error["message"][:2000].lower(),
    )


def parsed(body: bytes) -> Any:
    """A body's JSON, or None."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


LONGEST_WAIT = 40 * 86_400.0  # seconds; a provider that names more has made a mistake
# Of a name such as `messages[0].content`.
PART_END = re.compile(r"[.\[]")
UNSUPPORTED = (
    "unsupported parameter",
    "unknown parameter",
    "unrecognized",
    "extra inputs are not permitted",
    "is deprecated",
)


def is_unsupported(answer: Answer) -> bool:
    """Whether a refusal is about the parameter as such, and not about the value that it was given."""
    if answer.code in ("unsupported_parameter", "unknown_parameter"):
        return True
    return any(words in answer.words for words in UNSUPPORTED)


def refused_parameter(answer: Answer, sent: frozenset[str]) -> str:
    """Which of the parameters that were `sent` the refusal names, by its `param` or in its words; empty if none."""
    named = PART_END.split(answer.param, maxsplit=1)[0]
    if named in sent:
        return named
    return next((name for name in sorted(sent) if _names(answer.words, name)), "")


def _names(words: str, name: str) -> bool:
    return any(form in words for form in (f"'{name}'", f"`{name}`", f'"{name}"')) or words.startswith(
        (f"{name}:", f"{name}.")
    )


REGAIN = re.compile(r"regain access on (\d{4}-\d{2}-\d{2})(?: at (\d{2}):(\d{2}))?")


def told_wait(answer: Answer) -> float | None:
    """Seconds until the moment that the words name, as Anthropic's spend limits do; None when they name none."""
    match = REGAIN.search(answer.words)
    if match is None:
        return None
    try:
        at = dt.datetime.fromisoformat(f"{match[1]}T{match[2] or '00'}:{match[3] or '00'}+00:00")
    except ValueError:
        return None
    seconds = at.timestamp() - time.time()
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None
