"""Signing in with an OpenID Connect issuer: settings that stop the start."""

from typing import Any

import pytest

from bookbag.configuration.checks import boot_problems

pytestmark = pytest.mark.django_db

GOOD = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "bookbag", "OIDC_CLIENT_SECRET": "a secret"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET not set. Set all three, or none."),
        ({"OIDC_ISSUER": "", "OIDC_CLIENT_ID": ""}, "OIDC_ISSUER and OIDC_CLIENT_ID not set."),
        ({"OIDC_ISSUER": "http://id.example"}, "OIDC_ISSUER is plain HTTP"),
        ({"OIDC_ISSUER": "http://127.0.0.1:9"}, ""),
    ],
)
def test_half_given_settings_stop_the_start(settings: Any, change: dict[str, str], words: str) -> None:
    for name, value in {**GOOD, **change}.items():
        setattr(settings, name, value)
    problems = " ".join(boot_problems())

    assert words in problems if words else problems == ""


def test_without_the_extra_the_start_says_which(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bookbag.configuration.checks.find_spec", lambda name: None)
    assert boot_problems() == []
    for name, value in GOOD.items():
        setattr(settings, name, value)

    assert boot_problems() == ["OIDC_ISSUER needs the optional extra: uv sync --extra sso."]
