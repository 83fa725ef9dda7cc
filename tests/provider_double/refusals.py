"""Refusals: an error answer as each provider words it, before it is put into that provider's JSON."""

from typing import NamedTuple


class Refusal(NamedTuple):
    """One error. `family` is the body's error.type; Anthropic has no param and puts its code into error.details.

    The message of a refusal in an error table is a template, given the call's model, secret and masked secret.
    """

    status: int
    family: str
    code: str | None
    param: str | None
    message: str


INVALID = "invalid_request_error"


def refusal(
    status: int, family: str, message: str, code: str | None = None, param: str | None = None
) -> Refusal:
    return Refusal(status, family, code, param, message)


def invalid(message: str, code: str | None = None, param: str | None = None, status: int = 400) -> Refusal:
    """The refusal of an invalid request."""
    return Refusal(status, INVALID, code, param, message)


def masked(secret: str) -> str:
    """The secret as OpenAI repeats it in errors: the first characters, stars, and the last four."""
    return (
        f"{secret[:8]}{'*' * max(3, len(secret) - 12)}{secret[-4:]}"
        if len(secret) > 12
        else "*" * len(secret)
    )
