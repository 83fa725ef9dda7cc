"""Whatever is typed into a form, signed in or not: each field of each form, and the pages that take them."""

import importlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test import Client

from tests.bounded.growth import sizes, too_steep
from tests.bounded.test_patterns import modules
from tests.bounded.texts import ACCENTS, TEXTS, TextOf, repeated
from tests.harness.cast import Cast, make_agent

LIBRARIES = ("allauth.account.forms",)


def form_classes() -> Iterator[type[Any]]:
    for name in (*modules(), *LIBRARIES):
        for value in vars(importlib.import_module(name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, forms.BaseForm)
                and hasattr(value, "base_fields")
            ):
                yield value


def fields() -> dict[str, forms.Field]:
    """One of each kind of field: of the same class, length and checks, one is enough."""
    found: dict[str, forms.Field] = {}
    for form in form_classes():
        for name, field in form.base_fields.items():
            if not isinstance(field, forms.ModelChoiceField):
                checks = sorted(type(check).__name__ for check in field.validators)
                kind = f"{type(field).__name__} {getattr(field, 'max_length', '')} {' '.join(checks)}"
                found.setdefault(kind, field)
                assert name
    return found


FIELDS = fields()


def test_fields_were_found() -> None:
    assert any("Email" in kind for kind in FIELDS)
    assert any("1000000" in kind for kind in FIELDS)


@sizes
@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize("kind", FIELDS)
def test_field_keeps_within_the_bound(kind: str, most: int) -> None:
    def clean(text: str) -> None:
        with suppress(ValidationError):
            FIELDS[kind].clean(text)

    assert {what: seen for what, text_of in TEXTS.items() if (seen := too_steep(clean, text_of, most))} == {}


# A page, who asks, and what it takes. `next` is where allauth and Django go afterwards, if that is ours.
PAGES = [
    ("/accounts/login/", "", ("login", "password", "next", "csrfmiddlewaretoken")),
    ("/accounts/signup/", "", ("email", "password1", "next")),
    ("/accounts/password/reset/", "", ("email",)),
    ("/admin/login/", "", ("username", "next")),
    ("/workspaces/new/", "edith", ("name", "slug")),
    ("/w/acme/agents/{agent}/sources/new/", "edith", ("title", "text")),
    ("/w/acme/agents/{agent}/questions/new/", "edith", ("question", "answer")),
    ("/w/acme/agents/{agent}/", "edith", ("name", "instructions", "temperature", "fallback_text")),
    ("/w/acme/agents/{agent}/messages/", "edith", ("text", "conversation", "idempotency_key")),
    ("/w/acme/settings/llm/keys/openai/", "adam", ("secret",)),
    ("/w/acme/settings/llm/models/", "adam", ("model_id", "name")),
]
# What a request is most often careless about; the fields themselves are fed with everything, above.
HARSH: dict[str, TextOf] = {
    what: TEXTS[what]
    for what in ("'a'", "' '", repr(ACCENTS), "'ﷺ'", "'a@'", "'a.a'", "'&'", "'\"'", "'\\r\\n'")
} | {
    "an address of accents": repeated(ACCENTS, head="//a"),
    "an address at sign after sign": repeated("@", head="http://"),
    "a mail address of dots": repeated("a.", head="a@", tail="b"),
}


# Taken as they are, and then much is done with them.
LONG = {"text", "answer", "instructions"}


def posts() -> Iterator[Any]:
    """All fields of a page at once, and alone what is long; the others alone in `make soak`."""
    for path, who, names in PAGES:
        yield pytest.param(path, who, names, id=path)
        for name in names:
            marks = () if name in LONG else pytest.mark.soak
            yield pytest.param(path, who, (name,), id=f"{path} {name}", marks=marks)


@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize(("path", "who", "names"), list(posts()))
def test_page_keeps_within_the_bound(
    cast: Cast, settings: Any, path: str, who: str, names: tuple[str, ...]
) -> None:
    settings.ACCOUNT_RATE_LIMITS = False
    agent = make_agent(cast.acme)
    rest = {
        "login": "a@b.test", "password": "x", "email": "a@b.test", "password1": "correct horse 7", "password2": "correct horse 7",
        "username": "a", "title": "T", "text": "T", "question": "Q", "answer": "A", "name": "N", "chat_model": agent.chat_model_id,
        "temperature": "0.2", "status": "active", "fallback_text": "F", "idempotency_key": "12345678", "model_id": "m", "provider": "openai",
    }  # fmt: skip
    statuses = set()

    def post(text: str) -> None:
        client = Client()
        if who:
            client.force_login(getattr(cast, who))
        statuses.add(client.post(path.format(agent=agent.pk), rest | dict.fromkeys(names, text)).status_code)

    assert {what: seen for what, text_of in HARSH.items() if (seen := too_steep(post, text_of, 32_000))} == {}
    # An id that is none is of nothing here.
    allowed = {200, 302, 400, 403, 413, 429} | ({404} if "conversation" in names else set())
    assert statuses <= allowed, statuses
