"""Each failure has its own words for members and for admins, and none of the provider's."""

import datetime as dt
from typing import Any

import pytest

from agents import wording
from agents.errors import OurFault
from agents.models import Reply
from llm.providers.base import Fault

DONE = dt.datetime(2026, 11, 26, 1, 20, tzinfo=dt.UTC)
FACTS: dict[str, Any] = {
    "provider": "openai",
    "model_name": "GPT-4o",
    "model_id": "gpt-4o",
    "credential_mask": "sk-…a1B2",
    "credential_kind": "workspace",
    "provider_status": 500,
    "attempts": 3,
    "done_at": DONE,
}
CODES = sorted(fault.value for fault in (*Fault, *OurFault))
own = pytest.mark.parametrize("kind", ["workspace", "platform"])


def told(code: str, *, for_admin: bool = False, **facts: Any) -> str:
    return wording.failure(Reply(error_code=code, **{**FACTS, **facts}), for_admin=for_admin)


def test_codes_with_words_are_those_that_there_are() -> None:
    assert sorted(wording.FAILURES) == CODES


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words_for_both_readers(code: str) -> None:
    member, admin = wording.FAILURES[code]

    assert member != admin


@own
@pytest.mark.parametrize("code", CODES)
def test_sentence_is_whole_and_says_that_nothing_was_charged(code: str, kind: str) -> None:
    member, admin = (told(code, for_admin=for_admin, credential_kind=kind) for for_admin in (False, True))

    assert member.endswith(". Nothing was charged.")
    assert admin.endswith(". Nothing was charged. (HTTP 500)")
    for sentence in (member, admin):
        assert "{" not in sentence
        assert "None" not in sentence
        assert "  " not in sentence


@pytest.mark.parametrize("code", CODES)
def test_member_sees_no_mask(code: str) -> None:
    for kind in ("workspace", "platform"):
        assert "a1B2" not in told(code, credential_kind=kind)


@pytest.mark.parametrize("code", CODES)
def test_workspaces_admin_sees_no_mask_of_the_platforms_key(code: str) -> None:
    assert "a1B2" not in told(code, for_admin=True, credential_kind="platform")


def test_each_fault_has_words_of_its_own() -> None:
    members, admins = ([told(code, for_admin=for_admin) for code in CODES] for for_admin in (False, True))

    assert len(set(admins)) == len(CODES)
    # To a member a redirect is as good as no connection.
    assert len(set(members)) == len(CODES) - 1


@pytest.mark.parametrize(
    ("seconds", "words_of_it"),
    [
        (1, "Try again in 1 second."),
        (7, "Try again in 7 seconds."),
        (600, "Try again in 10 minutes."),
        (86_400, "Try again in 24 hours, after 01:20 UTC on 27 November."),
        (None, "Try again in a moment."),
    ],
)
def test_wait_is_told_as_the_provider_gave_it(seconds: int | None, words_of_it: str) -> None:
    assert words_of_it in told("rate_limited", retry_after=seconds)


def test_no_funds_tells_the_day_that_the_provider_named() -> None:
    assert "after 01:20 UTC on 1 December" in told("no_funds", retry_after=5 * 86_400)
    assert "Try again" not in told("no_funds")


def test_admin_is_told_what_the_providers_support_asks_for() -> None:
    sentence = told(
        "bad_request",
        for_admin=True,
        provider_status=400,
        provider_code="unsupported_value",
        provider_param="stream",
        request_id="req_1",
    )

    assert sentence.endswith("(HTTP 400, unsupported_value, parameter stream, request req_1)")


@pytest.mark.parametrize("code", ["declined", "thinking_spent"])
def test_nobody_is_asked_to_try_again_in_vain(code: str) -> None:
    assert "try again" not in (told(code) + told(code, for_admin=True)).lower()


def test_a_model_that_is_gone_names_the_one_to_use_instead_as_people_write_it() -> None:
    facts = {"provider": "openai", "model": "GPT-4o"}

    assert wording.refusal("model_shut_down", facts | {"replacement": "gpt-6-luna"}) == (
        "OpenAI has shut GPT-4o down. Nothing was charged. Choose GPT-6 Luna on the agent's page."
    )
    assert "Choose another model on" in wording.refusal("model_shut_down", facts | {"replacement": ""})
