"""Stop: the text so far is kept and charged, a reply without text is free, and only permitted members can stop one."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from agents.models import Agent, Reply
from billing import ledger
from tests.factories import add_member
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import (
    Event,
    accepted,
    bring_key,
    csrf,
    live_events,
    refusal,
    stop,
    watch,
)
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, Visitor
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def first_text(stream: Iterator[Event]) -> str:
    return str(next(event for event in stream if event.kind == "text").data["text"])


def provider_is_free(double: Double) -> bool:
    return bool(double.stats()["open_calls"] == 0)


def test_stop_before_any_text_costs_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("slow_first_byte", seconds=60)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    assert eventually(provider_double.calls)

    assert stop(visitor, "acme", where["reply"]).status_code == 202
    end = watch(visitor, where["stream"]).end

    assert (end.kind, end.data["state"], end.data["text"], end.data["charged"]) == ("done", "stopped", "", 0)
    assert eventually(lambda: provider_is_free(provider_double))
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


def test_stop_after_text_keeps_it_and_charges_the_reply(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    # Silent for ever after three tokens: stopping must not wait for the next one.
    provider_double.script("hang_mid_stream", chunks=["one ", "two ", "three ", "four"], after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    stream = live_events(visitor, where["stream"])
    first_text(stream)

    stop(visit(cast.edith), "acme", where["reply"])
    end = list(stream)[-1]

    assert (end.data["state"], end.data["text"], end.data["charged"]) == ("stopped", "one two three ", 5)
    assert eventually(lambda: provider_is_free(provider_double))
    assert [call["outcome"] for call in provider_double.calls()] == ["aborted"]
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)


@pytest.mark.parametrize("blank", ["\t", "\u200b", "\u3164"])
def test_stop_after_blanks_alone_costs_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, blank: str
) -> None:
    provider_double.script("hang_mid_stream", chunks=["  ", "\n", blank, "x"], after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    first_text(live_events(visitor, where["stream"]))

    stop(visitor, "acme", where["reply"])

    end = watch(visitor, where["stream"]).end
    assert (end.data["state"], end.data["text"], end.data["charged"]) == ("stopped", "", 0)


def test_stop_twice_is_stop_once(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    first_text(live_events(visitor, where["stream"]))

    statuses = [stop(visitor, "acme", where["reply"]).status_code for _ in range(3)]
    ends = [watch(visitor, where["stream"]).end.data for _ in range(2)]

    assert statuses == [202, 202, 202]
    assert ends[0] == ends[1]
    assert (ends[0]["state"], ends[0]["charged"]) == ("stopped", 5)
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)


def test_stop_of_a_finished_reply_changes_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    before = watch(visitor, where["stream"]).end.data

    assert stop(visitor, "acme", where["reply"]).status_code == 202

    assert watch(visitor, where["stream"]).end.data == before
    assert Reply.objects.get().state == "completed"


def test_stop_while_waiting_to_try_again(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("429", retry_after=4, times=None)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    assert eventually(provider_double.calls)

    stop(visitor, "acme", where["reply"])
    end = watch(visitor, where["stream"]).end

    assert (end.data["state"], end.data["charged"]) == ("stopped", 0)
    assert len(provider_double.calls()) == 1


def test_stop_on_a_workspaces_own_key_costs_nothing(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    bring_key(cast.acme)
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    first_text(live_events(visitor, where["stream"]))

    stop(visitor, "acme", where["reply"])

    end = watch(visitor, where["stream"]).end
    assert (end.data["state"], end.data["text"], end.data["charged"]) == ("stopped", "one ", 0)


def test_only_the_one_who_asked_or_an_admin_may_stop(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", after=3)
    where = accepted(visit(cast.edith), openai_agent)
    editor = add_member(cast.acme, "editor").user

    refused = {
        name: refusal(stop(visit(person), "acme", where["reply"]))
        for name, person in (
            ("another editor", editor),
            ("viewer", cast.victor),
            ("stranger", cast.stranger),
            ("neighbour", cast.gina),
            ("nobody", None),
        )
    }

    assert refused == {
        "another editor": (403, "not_yours"),
        "viewer": (403, "forbidden"),
        "stranger": (404, "not_found"),
        "neighbour": (404, "not_found"),
        "nobody": (401, "not_signed_in"),
    }
    assert refusal(stop(visit(cast.gina), "globex", where["reply"])) == (404, "not_found")
    assert Reply.objects.get().is_running
    assert stop(visit(cast.adam), "acme", where["reply"]).status_code == 202
    assert watch(visit(cast.edith), where["stream"]).end.data["state"] == "stopped"


def test_unknown_reply_cannot_be_stopped(cast: Cast, visit: Visit) -> None:
    assert refusal(stop(visit(cast.edith), "acme", str(uuid4()))) == (404, "not_found")


def test_stop_needs_a_token_of_our_page(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)

    response = visitor.post(f"/w/acme/replies/{where['reply']}/stop/", headers={"accept": "application/json"})

    assert refusal(response) == (403, "csrf_failed")
    stop(visitor, "acme", where["reply"])


def test_stop_without_a_script_leads_to_the_receipt(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", after=3)
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    path = f"/w/acme/replies/{where['reply']}/"

    response = visitor.post(f"{path}stop/", data={"csrfmiddlewaretoken": csrf(visitor)})

    assert (response.status_code, response.headers["location"]) == (302, path)
    assert eventually(lambda: Reply.objects.get().state == "stopped")


def test_stop_without_a_script_is_refused_in_words_on_a_page(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    provider_double.script("hang_mid_stream", after=3)
    where = accepted(visit(cast.edith), openai_agent)
    path = f"/w/acme/replies/{where['reply']}/"

    def press(visitor: Visitor) -> httpx.Response:
        return visitor.post(f"{path}stop/", data={"csrfmiddlewaretoken": csrf(visitor)})

    another = visit(add_member(cast.acme, "editor").user)
    response = press(another)
    assert (response.status_code, response.headers["location"]) == (302, path)
    assert "They or an admin of the workspace can stop it." in another.get(path).text

    response = press(visit(None))
    assert (response.status_code, response.headers["location"]) == (302, f"/accounts/login/?next={path}")
    for person, status in ((cast.victor, 403), (cast.gina, 404)):
        response = press(visit(person))
        assert (response.status_code, response.headers["content-type"]) == (
            status,
            "text/html; charset=utf-8",
        )
    assert Reply.objects.get().is_running
    stop(visit(cast.adam), "acme", where["reply"])


def test_stop_from_another_process(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, lend_server: LendServer
) -> None:
    elsewhere = lend_server(name="second")
    provider_double.script("hang_mid_stream", chunks=["one ", "two"], after=1)
    where = accepted(visit(cast.edith), openai_agent)
    stream = live_events(visit(cast.edith), where["stream"])
    assert first_text(stream) == "one "

    assert stop(visit(cast.edith, server=elsewhere), "acme", where["reply"]).status_code == 202
    end = list(stream)[-1]

    assert (end.data["state"], end.data["charged"]) == ("stopped", 5)
    assert eventually(lambda: provider_is_free(provider_double))


def test_a_local_reply_can_be_stopped_too(cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, make_agent(cast.acme))

    assert stop(visitor, "acme", where["reply"]).status_code == 202

    assert watch(visitor, where["stream"]).end.data["state"] in ("stopped", "completed")
