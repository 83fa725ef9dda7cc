"""What a press of Send may carry, and how often it may come."""

import socket
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psutil
import pytest

from agents.models import Agent, Reply
from billing import ledger
from tests.agents.scenes import nothing_happened
from tests.factories import add_member
from tests.harness.cast import Cast
from tests.harness.chat import csrf, messages_path, refusal, send, talk
from tests.harness.live import Server
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, Visitor
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_what_a_signed_out_person_sends_without_scripts_is_in_the_box_after_signing_in(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    refused = send(visit(None), openai_agent, "Open on Sunday & Monday? é", accept="text/html")
    to_sign_in = urlsplit(refused.headers["location"])
    back = parse_qs(to_sign_in.query)["next"][0]

    assert (refused.status_code, to_sign_in.path) == (302, "/accounts/login/")
    assert "Open on Sunday &amp; Monday? é</textarea>" in visit(cast.edith).get(back).text
    # Longer than an address may be: the playground all the same.
    long = send(visit(None), openai_agent, "x" * 5_000, accept="text/html").headers["location"]
    assert parse_qs(urlsplit(long).query)["next"] == [f"/w/acme/agents/{openai_agent.pk}/playground/"]
    assert nothing_happened(provider_double)


@pytest.mark.parametrize(
    "text", ["", "   ", "\r\n\t", "\0", "\0 \0", "\u200b", "\u2060 \ufeff\u00ad", "\u3164"]
)
def test_empty_message_is_refused(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, text: str
) -> None:
    assert refusal(send(visit(cast.edith), openai_agent, text)) == (400, "message_empty")
    assert nothing_happened(provider_double)


@pytest.mark.parametrize("key", ["", "short", "x" * 101, "line\nbreak-in-it", "nul\0-in-the-key"])
def test_unfit_idempotency_key_is_refused(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, key: str
) -> None:
    response = send(visit(cast.edith), openai_agent, idempotency_key=key)

    assert refusal(response) == (400, "idempotency_key_missing")
    assert nothing_happened(provider_double)


def test_message_of_a_megabyte_is_too_large(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    response = send(visit(cast.edith), openai_agent, "m" * 1_000_000)

    assert refusal(response) == (413, "message_too_large")
    assert "20,000 characters" in response.json()["error"]["message"]
    assert nothing_happened(provider_double)


def test_longest_message_is_taken_and_one_more_character_is_not(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    # The widest there is: twelve bytes each once it is percent-encoded.
    assert talk(visitor, openai_agent, "𝕬" * 20_000).end.data["state"] == "completed"
    assert refusal(send(visitor, openai_agent, "m" * 20_001)) == (413, "message_too_large")


def test_body_of_a_hundred_megabytes_is_refused_before_it_is_sent(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)

    # The rest of the body never comes: who waits for it does not answer.
    said = first_answer(visitor, messages_path(openai_agent), claimed=100_000_000, sent=100_000)

    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"code": "message_too_large"' in said
    assert nothing_happened(provider_double)


def first_answer(visitor: Visitor, path: str, *, claimed: int, sent: int) -> bytes:
    """The first bytes the server answers to a POST of which only the beginning is ever sent."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {visitor.base_url.netloc.decode()}\r\nAccept: application/json\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {claimed}\r\n"
        f"Cookie: session={visitor.cookies['session']}\r\n\r\n"
    )
    with socket.create_connection((visitor.base_url.host, visitor.base_url.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"text=" + b"m" * sent)
        answer = b""
        while b"0\r\n\r\n" not in answer and (more := connection.recv(65536)):
            answer += more
        return answer


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_hundred_megabytes_that_nobody_announced_are_not_held_in_memory(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, live: Server, accept: str
) -> None:
    visitor, process = visit(cast.edith), psutil.Process(live.pid)
    headers = {
        "accept": accept,
        "content-type": "application/x-www-form-urlencoded",
        "x-csrftoken": csrf(visitor),
    }
    before = process.memory_info().rss

    response = visitor.post(
        messages_path(openai_agent), content=iter([b"text=", *[b"m" * 100_000] * 1000]), headers=headers
    )

    assert response.status_code == 413
    assert process.memory_info().rss - before < 20_000_000
    assert nothing_happened(provider_double)


def test_thousands_of_fields_are_refused(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    response = send(visit(cast.edith), openai_agent, **{f"field{number}": "x" for number in range(1000)})

    assert response.status_code == 400
    assert nothing_happened(provider_double)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("application/json", b'{"text": "hello"}'),
        ("text/plain; charset=no-such", b"text=hello"),
        ("application/x-www-form-urlencoded; charset=no-such", b"text=hello"),
        ("application/x-www-form-urlencoded", b"text=%FF%FE%ED%A0%80"),
    ],
)
def test_malformed_body_is_a_bad_request(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, kind: str, body: bytes
) -> None:
    visitor = visit(cast.edith)
    headers = {
        "accept": "application/json",
        "content-type": kind,
        "x-csrftoken": csrf(visitor),
    }

    response = visitor.post(messages_path(openai_agent), content=body, headers=headers)

    assert response.status_code == 400, response.text
    assert nothing_happened(provider_double)


def test_control_characters_are_kept_out_of_the_database_only(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    talk(
        visit(cast.edith), openai_agent, "nul \0 escape \x1b[31m right-to-left \u202e emoji 👩‍🚀 CRLF\r\nend"
    )

    assert Reply.objects.get().question == "nul  escape \x1b[31m right-to-left \u202e emoji 👩‍🚀 CRLF\nend"


def test_too_many_messages_within_a_minute_are_refused_with_a_time_to_wait(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, lend_server: LendServer
) -> None:
    server = lend_server(REPLIES_PER_MINUTE="2")
    visitor, key = visit(cast.edith, server=server), uuid4().hex
    talk(visitor, openai_agent)
    first = talk(visitor, openai_agent, "Twice?", idempotency_key=key)

    third = send(visitor, openai_agent)

    assert refusal(third) == (429, "too_fast")
    wait = third.headers["retry-after"]
    assert 1 <= int(wait) <= 60
    assert f"Wait {wait} seconds" in third.json()["error"]["message"]
    assert len(provider_double.calls()) == 2
    # The same press again is no new message, and others have a minute of their own.
    assert talk(visitor, openai_agent, "Twice?", idempotency_key=key).end.data == first.end.data
    assert talk(visit(cast.adam, server=server), openai_agent).end.data["state"] == "completed"
    assert ledger.balance(cast.acme) == ledger.Balance(85, 0)


def test_archived_agent_answers_no_more(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    Agent.objects.filter(pk=openai_agent.pk).update(status="archived")

    assert refusal(send(visit(cast.edith), openai_agent)) == (409, "agent_archived")
    assert nothing_happened(provider_double)


def test_draft_agent_can_be_tried(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    Agent.objects.filter(pk=openai_agent.pk).update(status="draft")

    assert talk(visit(cast.edith), openai_agent).end.data["state"] == "completed"


def test_member_of_two_workspaces_pays_where_the_agent_is(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    add_member(cast.globex, "editor", cast.edith)
    before = ledger.balance(cast.globex)

    assert talk(visit(cast.edith), openai_agent).end.data["charged"] == 5

    assert ledger.balance(cast.globex) == before
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)
