"""Each failure has its own words for members and for admins, and none of the provider's."""

import pytest

from agents import words
from llm.providers.base import Fault

FACTS = {
    "provider": "openai",
    "model": "GPT-4o",
    "model_id": "gpt-4o",
    "mask": "sk-…a1B2",
    "status": 500,
    "attempts": 3,
    "retry_after": None,
}
CODES = sorted({*(fault.value for fault in Fault), "interrupted", "internal"})
own = pytest.mark.parametrize("kind", ["workspace", "platform"])


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words_for_both_readers(code: str) -> None:
    member, admin = words.FAILURES[code]

    assert member != admin


@own
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("for_admin", [False, True])
def test_sentence_is_whole_and_says_that_nothing_was_charged(code: str, kind: str, for_admin: bool) -> None:
    sentence = words.failure(code, {**FACTS, "credential_kind": kind}, for_admin=for_admin)

    assert sentence.endswith(". Nothing was charged.")
    assert "{" not in sentence
    assert "None" not in sentence
    assert "  " not in sentence


@pytest.mark.parametrize("code", CODES)
def test_member_sees_no_mask(code: str) -> None:
    for kind in ("workspace", "platform"):
        assert "a1B2" not in words.failure(code, {**FACTS, "credential_kind": kind}, for_admin=False)


@pytest.mark.parametrize("code", CODES)
def test_workspaces_admin_sees_no_mask_of_the_platforms_key(code: str) -> None:
    assert "a1B2" not in words.failure(code, {**FACTS, "credential_kind": "platform"}, for_admin=True)


def test_each_fault_has_words_of_its_own() -> None:
    members, admins = (
        [
            words.failure(code, {**FACTS, "credential_kind": "workspace"}, for_admin=for_admin)
            for code in CODES
        ]
        for for_admin in (False, True)
    )

    assert len(set(admins)) == len(CODES)
    # To a member a redirect is as good as no connection.
    assert len(set(members)) == len(CODES) - 1


def test_wait_is_told_where_the_provider_gave_one() -> None:
    told = words.failure(
        "rate_limited", {**FACTS, "credential_kind": "workspace", "retry_after": 7.2}, for_admin=False
    )

    assert "Try again in 7 seconds." in told
