"""A refusal as scripts get it: one shape, whoever refuses."""

import json

from agents import refusals


def test_refusal_says_its_code_its_sentence_and_its_facts() -> None:
    response = refusals.as_json("message_too_large", status=413, data={"limit": 20_000})

    assert response.status_code == 413
    assert json.loads(response.content) == {
        "error": {
            "code": "message_too_large",
            "title": "This message is too long.",
            "message": "This message is too long. Shorten it to at most 20,000 characters; it is still here.",
            "actions": [],
            "limit": 20_000,
        }
    }


def test_a_sentence_of_ones_own_takes_the_place_of_the_codes() -> None:
    response = refusals.as_json("csrf_failed", status=403, message="No cookie came.")

    assert json.loads(response.content)["error"]["message"] == "No cookie came."


def test_how_long_to_wait_is_a_header_too() -> None:
    response = refusals.as_json("too_fast", status=429, data={"per_minute": 30, "retry_after": 60})

    assert response["Retry-After"] == "60"
