"""What is read of a request before anybody is known to have sent it: headers, and bodies up to what a form can fill."""

import asyncio
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.asgi import get_asgi_application
from django.test import Client
from django.urls import reverse

from agents.forms import ImportForm, PairsForm, SourceForm
from bookbag.server import bounds
from bookbag.server.arrival import Arrival
from bookbag.server.express import Express
from tests.bounded.growth import FLOOR, seconds, too_steep
from tests.bounded.test_forms import LIBRARIES, form_classes
from tests.bounded.texts import TEXTS, repeated
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import csrf, messages_path
from tests.harness.visitor import Visit

# Bytes of the widest character once it is percent-encoded.
WIDEST = 12
HEADERS = (
    "accept", "accept-encoding", "accept-language", "authorization", "content-disposition", "content-type", "cookie", "host",
    "if-modified-since", "if-none-match", "last-event-id", "origin", "range", "referer", "user-agent", "x-csrftoken",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
)  # fmt: skip
UNITS = (";", "a=b;", ",", "a,", '"', "\\", "a@", "a.", " ", "=", "/", "%", "[", ";a*0=", "\xff")


async def asked(path: str, name: str, value: str) -> int:
    """The status of a GET, asked of the server's own application."""
    app = Arrival(Express(get_asgi_application()), proxies=1)  # type: ignore[arg-type]
    statuses: list[int] = []
    parts: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not parts:
            await asyncio.Future()  # who asks waits for the answer
        return parts.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    given = {"host": "testserver", name: value}
    await app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(key.encode(), text.encode("latin-1")) for key, text in given.items()],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        },
        receive,
        send,
    )  # fmt: skip
    return statuses[0]


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", HEADERS)
def test_header_keeps_within_the_bound(name: str) -> None:
    statuses = set()

    def ask(text: str) -> None:
        statuses.add(asyncio.run(asked("/accounts/login/", name, text)))

    ask("a")
    slow = [unit for unit in UNITS if seconds(ask, repeated(unit)(64_000)) > FLOOR]
    steep = {unit: seen for unit in slow if (seen := too_steep(ask, repeated(unit), 64_000))}

    assert steep == {}
    assert statuses <= {200, 400}


def test_the_longest_header_that_is_read_is_read_whole() -> None:
    scope = {
        "headers": [
            (b"accept", b"a" * bounds.LONGEST_HEADER),
            (b"referer", b"a" * 9_000),
            (b"cookie", b"a=b" * 9_000),
        ]
    }

    bounds.drop_odd_headers(scope)

    assert [name for name, _ in scope["headers"]] == [b"accept", b"cookie"]


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_a_content_type_in_an_encoding_that_there_is_not_is_none() -> None:
    """Django by itself raises ValueError for it, which the server would log as a failure of ours."""
    assert asyncio.run(asked("/accounts/login/", "content-type", "text/plain; a*=nope''b")) == 200


@pytest.mark.django_db
def test_searches_of_the_desk_keep_within_the_bound(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.oscar)
    desk = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    statuses = {path: client.get(path, {"q": "a " * 5_000}).status_code for path in desk}

    def look(text: str) -> None:
        client.get("/admin/workspaces/user/", {"q": text})

    steep = {what: seen for what in ("'a '", "'a'", "'\"'") if (seen := too_steep(look, TEXTS[what], 16_000))}

    assert set(statuses.values()) == {200}, statuses
    assert steep == {}


# --- Bodies ---------------------------------------------------------------------------------------


def most_characters(form: Any) -> int:
    return sum(int(getattr(field, "max_length", None) or 200) for field in form.base_fields.values())


def test_every_form_fits_its_limit_and_a_source_its_own() -> None:
    ours = {form for form in form_classes() if not form.__module__.startswith(LIBRARIES)}
    too_long = {form for form in ours if WIDEST * most_characters(form) > bounds.FORM_BYTES}

    assert too_long == {SourceForm, PairsForm, ImportForm}
    # They are sent below /sources/, as multipart, where a character takes four bytes at most and a line's end two.
    assert bounds.SOURCE_BYTES > 4 * 1_000_000


def test_only_where_files_are_sent_a_request_may_have_the_size_of_files() -> None:
    def most(path: str) -> int:
        return bounds.most_bytes({"path": path})

    assert most("/w/acme/agents/1/sources/files/") > 2 * settings.SOURCE_FILE_MB * 1024**2
    assert most("/w/acme/agents/1/sources/new/") == bounds.SOURCE_BYTES
    assert most("/w/acme/agents/1/sources/files/more/") == bounds.SOURCE_BYTES
    assert most("/accounts/login/") == most("/w/acme/agents/1/messages/") == bounds.FORM_BYTES


def body_of(size: int) -> bytes:
    return b"name=" + b"a" * (size - 5)


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("announced", [True, False])
def test_larger_form_is_refused_in_plain_words_with_a_way_back(
    cast: Cast, visit: Visit, announced: bool
) -> None:
    visitor = visit(cast.edith)
    headers = {"content-type": "application/x-www-form-urlencoded", "x-csrftoken": csrf(visitor)}

    def post(size: int) -> Any:
        body = body_of(size)
        return visitor.post("/workspaces/new/", content=body if announced else iter([body]), headers=headers)

    taken, refused = post(bounds.FORM_BYTES), post(bounds.FORM_BYTES + 1)

    assert taken.status_code == 200  # read, and the form says what is wrong with the name
    assert refused.status_code == 413
    assert "That was too much at once" in refused.text
    assert "nothing was stored and nothing was charged" in refused.text
    assert 'href="/"' in refused.text
    assert visitor.get("/").status_code == 200


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_form_of_nothing_but_escapes_is_too_large(cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.edith)
    headers = {"content-type": "application/x-www-form-urlencoded", "x-csrftoken": csrf(visitor)}

    def post(escapes: int) -> int:
        return visitor.post(
            "/workspaces/new/", content=b"name=" + b"%" * escapes, headers=headers
        ).status_code

    assert (post(bounds.FORM_ESCAPES), post(bounds.FORM_ESCAPES + 1)) == (200, 413)
    # What the forms take: 20,000 of the widest.
    assert bounds.FORM_ESCAPES > 4 * 20_000 + 10_000


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_larger_message_of_a_page_without_scripts_is_refused_on_a_page(cast: Cast, visit: Visit) -> None:
    agent, visitor = make_agent(cast.acme), visit(cast.edith)
    form = {"text": "a" * bounds.FORM_BYTES, "idempotency_key": "12345678"}

    refused = visitor.post(messages_path(agent), data=form, headers={"x-csrftoken": csrf(visitor)})

    assert refused.status_code == 413
    assert "That was too much at once" in refused.text


@pytest.mark.django_db(transaction=True)
def test_source_may_be_a_book_and_no_other_form_may(cast: Cast, visit: Visit) -> None:
    agent, visitor = make_agent(cast.acme), visit(cast.edith)
    page = f"/w/acme/agents/{agent.pk}"
    token = visitor.csrf_token(f"{page}/sources/new/")

    def post(path: str, text: str) -> int:
        fields = {
            "title": "Book",
            "text": text,
            "question": "Q",
            "answer": text,
            "csrfmiddlewaretoken": token,
        }
        return visitor.post(path, files={name: (None, value) for name, value in fields.items()}).status_code

    assert post(f"{page}/sources/new/", "𝕬" * 900_000) == 413  # twice, as text and as answer
    assert post(f"{page}/questions/new/", "𝕬" * 100_000) == 413
    assert post(f"{page}/questions/new/", "𝕬" * 20_000) == 302


@pytest.mark.any_database
@pytest.mark.django_db
def test_a_path_that_only_looks_like_a_source_reads_no_form(cast: Cast) -> None:
    assert browser_of(cast.edith).post("/accounts/login/sources/", {"text": "a" * 100}).status_code == 404
