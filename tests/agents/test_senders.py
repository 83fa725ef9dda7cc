"""Who may press Send, and where: everybody else is told so, and nothing happens."""

from uuid import uuid4

import pytest
from django.utils import timezone

from agents.models import Agent, Conversation
from tests.agents.scenes import nothing_happened
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, csrf, messages_path, refusal, send, watch
from tests.harness.visitor import Visit
from tests.provider_double.client import Double
from workspaces.models import Membership

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_unknown_agent_is_not_found(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    missing = Agent(pk=uuid4(), workspace=cast.acme)

    assert refusal(send(visit(cast.edith), missing)) == (404, "agent_gone")
    assert nothing_happened(provider_double)


def test_neighbours_agent_is_not_found(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    theirs = make_agent(cast.globex, "gpt-4o")
    theirs_under_our_name = Agent(pk=theirs.pk, workspace=cast.acme)

    assert refusal(send(visit(cast.edith), theirs_under_our_name)) == (404, "agent_gone")
    assert refusal(send(visit(cast.edith), theirs)) == (404, "not_found")
    assert nothing_happened(provider_double)


def test_conversation_of_another_agent_is_not_found(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    theirs = Conversation.objects.create(agent=make_agent(cast.globex, "gpt-4o"), started_by=cast.gina)
    own_other = Conversation.objects.create(agent=make_agent(cast.acme, name="Other"), started_by=cast.edith)

    for conversation in (theirs.pk, own_other.pk, uuid4(), "not-a-uuid"):
        assert refusal(send(visit(cast.edith), openai_agent, conversation=conversation))[1] == "not_found"
    assert nothing_happened(provider_double)


def test_conversation_that_is_gone_leads_to_a_new_one(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    """Whose it was tells nothing: a deleted one is answered as a neighbour's, and as one that never was."""
    deleted = Conversation.objects.create(
        agent=openai_agent, started_by=cast.edith, deleted_at=timezone.now()
    )
    theirs = Conversation.objects.create(agent=make_agent(cast.globex, "gpt-4o"), started_by=cast.gina)
    playground = f"/w/acme/agents/{openai_agent.pk}/playground/"
    way = {"label": "New conversation", "url": playground, "method": "GET"}

    for conversation in (deleted.pk, theirs.pk, uuid4()):
        refused = send(visit(cast.edith), openai_agent, conversation=conversation)
        assert refused.json()["error"]["actions"] == [way]


def test_people_who_may_not_send(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    found = {
        name: refusal(send(visit(person), openai_agent))
        for name, person in (("viewer", cast.victor), ("stranger", cast.stranger), ("neighbour", cast.gina))
    }

    assert found == {
        "viewer": (403, "forbidden"),
        "stranger": (404, "not_found"),
        "neighbour": (404, "not_found"),
    }
    assert nothing_happened(provider_double)


def test_operator_is_a_stranger_to_workspaces(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    assert refusal(send(visit(cast.oscar), openai_agent)) == (404, "not_found")


@pytest.mark.parametrize("session", ["", "unknown", "nul\\000octal", "x" * 5000, "ünïcode"])
def test_without_a_session_one_is_asked_to_sign_in(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, session: str
) -> None:
    visitor = visit()
    cookie = f'session="{session}"; csrftoken={"a" * 32}'.encode()
    headers = {b"accept": b"application/json", b"x-csrftoken": b"a" * 32, b"cookie": cookie}

    response = visitor.post(
        messages_path(openai_agent), data={"text": "x", "idempotency_key": uuid4().hex}, headers=headers
    )

    assert refusal(response) == (401, "not_signed_in")
    assert visitor.get("/w/acme/", headers={b"cookie": cookie}).status_code == 302
    assert nothing_happened(provider_double)


def test_removed_member_is_a_stranger_at_once(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    assert watch(visitor, where["stream"]).end.kind == "done"

    Membership.objects.get(workspace=cast.acme, user=cast.edith).delete()

    assert refusal(send(visitor, openai_agent)) == (404, "not_found")
    assert visitor.get(where["stream"], headers={"accept": "text/event-stream"}).status_code == 404


def test_lowered_member_may_watch_and_no_longer_send(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)

    Membership.objects.filter(workspace=cast.acme, user=cast.edith).update(role="viewer")

    assert refusal(send(visitor, openai_agent)) == (403, "forbidden")
    assert watch(visitor, where["stream"]).end.kind == "done"


def test_disabled_person_is_signed_out_at_once(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    visitor = visit(cast.edith)
    cast.edith.is_active = False
    cast.edith.save()

    assert refusal(send(visitor, openai_agent)) == (401, "not_signed_in")


def test_session_ends_with_a_new_password(cast: Cast, visit: Visit, openai_agent: Agent) -> None:
    visitor = visit(cast.edith)
    cast.edith.set_password("another-horse-10-battery")
    cast.edith.save()

    assert refusal(send(visitor, openai_agent)) == (401, "not_signed_in")


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-csrftoken": "b" * 32}, {"x-csrftoken": "short"}, {"origin": "https://evil.example"}],
    ids=["none", "foreign", "malformed", "foreign origin"],
)
def test_request_forged_by_another_site_is_refused(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, headers: dict[str, str]
) -> None:
    visitor = visit(cast.edith)
    token = csrf(visitor)
    if "origin" in headers:
        headers = {"x-csrftoken": token, **headers}

    response = visitor.post(
        messages_path(openai_agent),
        data={"text": "x", "idempotency_key": uuid4().hex},
        headers={"accept": "application/json", **headers},
    )

    assert refusal(response) == (403, "csrf_failed")
    assert nothing_happened(provider_double)


def test_foreign_host_is_refused(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    headers = {
        "accept": "application/json",
        "x-csrftoken": csrf(visitor),
        "host": "evil.example",
    }

    response = visitor.post(
        messages_path(openai_agent), data={"text": "x", "idempotency_key": uuid4().hex}, headers=headers
    )

    assert response.status_code == 400
    assert nothing_happened(provider_double)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html"])
def test_reading_never_sends(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, accept: str
) -> None:
    response = visit(cast.edith).get(
        f"{messages_path(openai_agent)}?text=hello&idempotency_key=12345678", headers={"accept": accept}
    )

    # A person is led back to the page (workspaces/no_dead_ends.py).
    assert response.status_code == (302 if accept == "text/html" else 405)
    assert nothing_happened(provider_double)
