"""Watching a reply: from the start, from anywhere in it, twice at once, from another process, or not at all."""

from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse

from agents.models import Agent, Reply
from agents.running import database
from agents.running.watching import END, resume_point
from billing import ledger
from tests.harness.cast import Cast
from tests.harness.chat import (
    EVENT_STREAM,
    Watched,
    accepted,
    csrf,
    live_events,
    messages_path,
    parse_events,
    refusal,
    send,
    talk,
    watch,
)
from tests.harness.database import other_sessions
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit
from tests.harness.waiting import eventually
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]
# Numbered, so that a lost or doubled one shows; of several bytes, so that a character is no byte.
TOKENS = [f"näme{number}🚀 " for number in range(30)]
WHOLE = "".join(TOKENS)


@pytest.fixture
def spoken(provider_double: Double) -> Double:
    """The next reply takes three quarters of a second."""
    provider_double.script("chunks", chunks=TOKENS, gap_ms=25)
    return provider_double


def test_events_come_as_the_provider_speaks_and_end_once(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)

    seen = list(live_events(visitor, where["stream"]))

    watched = Watched(seen)
    assert watched.text == watched.end.data["text"] == WHOLE
    assert [event.kind for event in seen].count("text") > 10
    assert watched.end.data["receipt"] == reverse("agents:receipt", args=["acme", where["reply"]])


def test_event_ids_count_the_characters_seen(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    seen = talk(visit(cast.edith), openai_agent).events

    characters = 0
    for event in seen[:-1]:
        characters += len(event.data.get("text", ""))
        assert event.id == str(characters)
    assert seen[-1].id == END


def test_second_tab_sees_the_same_reply(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    where = accepted(visit(cast.edith), openai_agent)
    first, second = (live_events(visit(cast.edith), where["stream"]) for _ in range(2))

    seen = [Watched(list(first)), Watched(list(second))]

    assert [watched.text for watched in seen] == [WHOLE, WHOLE]
    assert seen[0].end == seen[1].end
    assert len(spoken.calls()) == 1


def test_another_member_may_watch(cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double) -> None:
    where = accepted(visit(cast.edith), openai_agent)

    assert watch(visit(cast.victor), where["stream"]).text == WHOLE


@pytest.mark.parametrize("after", [1, 7, 15])
def test_coming_back_midway_shows_exactly_the_rest(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double, after: int
) -> None:
    where = accepted(visit(cast.edith), openai_agent)
    stream, seen = live_events(visit(cast.edith), where["stream"]), []
    for event in stream:
        seen.append(event)
        if len(seen) > after:
            break
    stream.close()  # type: ignore[attr-defined]

    rest = watch(visit(cast.edith), where["stream"], last_event_id=seen[-1].id)

    assert Watched(seen).text + rest.text == WHOLE
    assert rest.end.data["text"] == WHOLE


def test_coming_back_after_the_end_shows_exactly_the_rest(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    seen = watch(visitor, where["stream"]).events

    for cut in (1, 5, len(seen) - 1):
        rest = watch(visitor, where["stream"], last_event_id=seen[cut - 1].id)
        assert Watched(seen[:cut]).text + rest.text == WHOLE
    again = watch(visitor, where["stream"], last_event_id=END)
    assert (again.text, again.end.data) == ("", seen[-1].data)


def test_junk_to_resume_from_starts_over(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)
    watch(visitor, where["stream"])

    for junk in ("-1", "abc", "1.5", "99999999999", "٣", "1 OR 1=1", "None", "\xa0"):
        headers = {b"accept": EVENT_STREAM.encode(), b"last-event-id": junk.encode()}
        response = visitor.get(where["stream"], headers=headers)
        assert Watched(list(parse_events(response.text.split("\n")))).text == WHOLE


def test_resume_point_is_a_count_or_the_end_or_nothing() -> None:
    found = {text: resume_point(text) for text in ("", "0", "17", "end", "END", "-4", "1e3", "٣", "9" * 30)}

    assert found == {"": 0, "0": 0, "17": 17, "end": END, "END": 0, "-4": 0, "1e3": 0, "٣": 0, "9" * 30: 0}


def test_resuming_beyond_what_there_is_still_ends_with_the_whole(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)

    for _ in ("running", "done"):
        end = watch(visitor, where["stream"], last_event_id="100000").end
        assert (end.kind, end.data["text"]) == ("done", WHOLE)


def test_closed_tab_neither_loses_the_reply_nor_makes_it_free(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    where = accepted(visit(cast.edith), openai_agent)
    tab = visit(cast.edith)
    stream = live_events(tab, where["stream"])
    next(event for event in stream if event.kind == "text")

    stream.close()  # type: ignore[attr-defined]
    tab.close()

    assert eventually(lambda: Reply.objects.get().state == "completed")
    reply = Reply.objects.get()
    assert (reply.text, reply.charged) == (WHOLE, 5)
    assert watch(visit(cast.edith), where["stream"]).text == WHOLE
    assert [call["outcome"] for call in spoken.calls()] == ["finished"]
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)


def test_reply_nobody_ever_watched_is_whole(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    accepted(visit(cast.edith), openai_agent)

    assert eventually(lambda: Reply.objects.get().state == "completed")
    assert Reply.objects.get().text == WHOLE


def test_reply_streams_in_the_answer_to_the_message_itself(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    response = send(visit(cast.edith), openai_agent, accept=EVENT_STREAM)
    seen = Watched(list(parse_events(response.text.split("\n"))))

    assert response.status_code == 200
    assert [event.kind for event in seen.events][:2] == ["accepted", "sources"]
    assert seen.events[0].data["reply"] == str(Reply.objects.get().pk)
    assert (seen.text, seen.end.data["charged"]) == (WHOLE, 5)


def test_leaving_that_answer_is_no_stop(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    form = {"text": "Hello", "idempotency_key": uuid4().hex}
    headers = {"accept": EVENT_STREAM, "x-csrftoken": csrf(visitor)}
    with visitor.stream("POST", messages_path(openai_agent), data=form, headers=headers) as response:
        next(response.iter_raw())

    assert eventually(lambda: Reply.objects.get().state == "completed")
    assert Reply.objects.get().text == WHOLE


def test_form_without_a_script_gets_the_page_with_the_reply(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)

    response = send(visitor, openai_agent, "No script", accept="text/html", csrfmiddlewaretoken=csrf(visitor))

    reply = Reply.objects.get()
    assert response.status_code == 302
    assert response.headers["location"].endswith(f"?conversation={reply.conversation_id}#reply-{reply.pk}")
    assert (reply.state, reply.text) == ("completed", WHOLE)
    assert TOKENS[-1].strip() in visitor.get(response.headers["location"]).text


def test_reply_can_be_watched_from_another_process(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double, lend_server: LendServer
) -> None:
    elsewhere = lend_server(name="second")
    provider_double.script("chunks", chunks=TOKENS, gap_ms=80)
    where = accepted(visit(cast.edith), openai_agent)

    seen = watch(visit(cast.edith, server=elsewhere), where["stream"])

    assert seen.text == WHOLE
    assert seen.end == watch(visit(cast.edith), where["stream"]).end
    assert len([event for event in seen.events if event.kind == "text"]) > 1
    assert len(provider_double.calls()) == 1


def test_watcher_may_move_to_another_process_midway(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double, lend_server: LendServer
) -> None:
    elsewhere = lend_server(name="second")
    where = accepted(visit(cast.edith), openai_agent)
    stream, seen = live_events(visit(cast.edith), where["stream"]), []
    for event in stream:
        seen.append(event)
        if len(seen) > 8:
            break

    rest = watch(visit(cast.edith, server=elsewhere), where["stream"], last_event_id=seen[-1].id)

    assert Watched(seen).text + rest.text == WHOLE


def test_only_members_may_watch(cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double) -> None:
    where = accepted(visit(cast.edith), openai_agent)
    headers = {"accept": EVENT_STREAM}

    refused = [
        refusal(visit(person).get(where["stream"], headers=headers))
        for person in (cast.stranger, cast.gina, cast.oscar, None)
    ]
    theirs = visit(cast.gina).get(where["stream"].replace("/w/acme/", "/w/globex/"), headers=headers)

    assert refused == [(404, "not_found")] * 3 + [(401, "not_signed_in")]
    assert refusal(theirs) == (404, "not_found")
    unknown = visit(cast.edith).get(f"/w/acme/replies/{uuid4()}/stream/", headers=headers)
    assert refusal(unknown) == (404, "not_found")


def test_stream_is_neither_stored_nor_buffered_on_its_way(
    cast: Cast, visit: Visit, openai_agent: Agent, spoken: Double
) -> None:
    visitor = visit(cast.edith)
    where = accepted(visitor, openai_agent)

    headers = visitor.get(where["stream"], headers={"accept": EVENT_STREAM}).headers

    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert "default-src 'none'" in headers["content-security-policy"]


def test_no_connection_is_held_while_replies_stream(
    cast: Cast, visit: Visit, openai_agent: Agent, provider_double: Double
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("connections are counted by PostgreSQL")
    provider_double.script("hang_mid_stream", times=None)
    ledger.grant(cast.acme.account, amount=500, kind="purchase", external_id="t", reason="a test", actor=None)
    visitor = visit(cast.edith)
    watchers = [live_events(visit(cast.edith), accepted(visitor, openai_agent)["stream"]) for _ in range(30)]
    for stream in watchers:
        next(event for event in stream if event.kind == "text")

    connections, in_transaction = other_sessions()
    # The chat threads' own and a few of pages just shown, fewer than there are streams.
    assert connections <= database.THREADS + 8
    assert in_transaction == 0
    for reply in Reply.objects.all():
        visitor.post(
            f"/w/acme/replies/{reply.pk}/stop/",
            headers={"accept": "application/json", "x-csrftoken": csrf(visitor)},
        )
