"""Ways out: each code has its own, and nobody is offered what their role may not do."""

from itertools import pairwise

import pytest
from django.test import Client

from agents import actions, wording
from agents.models import Agent, Reply
from tests.agents.scenes import agent_on, spend_all
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, bring_key, csrf, platform_key, send, stop, talk, watch
from tests.harness.visitor import Visit
from tests.provider_double.client import Double
from workspaces.models import Role, User

CODES = sorted({*wording.REFUSALS, *wording.FAILURES, *wording.EXPECTED})
AGENT = "/w/acme/agents/{agent}/#agent-title"
SETTINGS = "/w/acme/settings/llm/"
LOCAL, CHANGE, CHECK = "Use Bookbag Local, free", "Change the model", "Check the key again"


def labels(code: str, role: Role, **facts: object) -> list[str]:
    facts = {"provider": "openai", "agent_id": "0190c0de-0000-7000-8000-000000000000", **facts}
    return [link["label"] for link in actions.ways_out(code, role=role, slug="acme", **facts)]  # type: ignore[arg-type]


def people(cast: Cast) -> dict[Role, User]:
    return {
        Role.VIEWER: cast.victor,
        Role.EDITOR: cast.edith,
        Role.ADMIN: cast.adam,
        Role.OWNER: cast.olivia,
    }


def test_every_code_has_a_row() -> None:
    assert set(actions.OF_REFUSALS) == set(wording.REFUSALS)
    assert set(actions.OF_FAILURES) == set(wording.FAILURES)
    assert set(wording.EXPECTED) <= set(actions.WAYS)


@pytest.mark.parametrize("code", CODES)
def test_a_greater_role_loses_a_way_only_to_three_better_ones(code: str) -> None:
    shown = [labels(code, role) for role in Role]

    assert all(len(ways) <= 3 for ways in shown)
    assert all(set(less) <= set(more) or len(more) == 3 for less, more in pairwise(shown))


@pytest.mark.parametrize(
    ("code", "viewer", "editor", "admin"),
    [
        (
            "credits_exhausted",
            ["See credits"],
            [LOCAL, "See credits", "Change the model"],
            [LOCAL, "Use your own OpenAI key", "See credits"],
        ),
        ("platform_key_missing", [], [LOCAL, CHANGE], [LOCAL, CHANGE, "Use your own OpenAI key"]),
        ("byo_key_missing", [], [LOCAL, CHANGE], ["Add an OpenAI key", LOCAL, CHANGE]),
        ("byo_key_unreadable", [], [LOCAL, CHANGE], ["Replace the key", CHECK, LOCAL]),
        ("key_rejected", [], [LOCAL, CHANGE], ["Replace the key", CHECK, LOCAL]),
        ("platform_key_rejected", [], [LOCAL, CHANGE], [LOCAL, CHANGE, "Use your own OpenAI key"]),
        ("model_requires_byo", [], [LOCAL, CHANGE], ["Turn on your own keys", LOCAL, CHANGE]),
        ("model_shut_down", [], [CHANGE, LOCAL], [CHANGE, LOCAL, "LLM settings"]),
        ("model_unavailable", [], [CHANGE, LOCAL], [CHANGE, LOCAL]),
        ("thinking_spent", [], ["Agent's settings"], ["Agent's settings"]),
        ("prompt_too_large", [], *[["New conversation", "Agent's settings"]] * 2),
        ("internal", [], [], []),
        ("complete", [], [], []),
    ],
)
def test_links_by_code_and_role(code: str, viewer: list[str], editor: list[str], admin: list[str]) -> None:
    assert [labels(code, role) for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN)] == [viewer, editor, admin]


def test_nobody_is_sent_to_mend_the_platforms_key() -> None:
    assert labels("key_rejected", Role.ADMIN, own_key=False) == [LOCAL, CHANGE]
    assert labels("no_funds", Role.OWNER, own_key=False) == [LOCAL, CHANGE]


def test_a_deleted_agent_leads_nowhere() -> None:
    assert labels("thinking_spent", Role.ADMIN, agent_id=None) == []


def test_a_stranger_is_shown_nothing() -> None:
    assert actions.ways_out("credits_exhausted", role=None, slug="acme") == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_every_link_opens_for_its_role(cast: Cast, role: Role) -> None:
    agent = make_agent(cast.acme, "gpt-4o")
    client: Client = browser_of(people(cast)[role])
    links = [
        link
        for code in CODES
        for link in actions.ways_out(
            code, role=role, slug="acme", agent_id=agent.pk, provider=agent.chat_model.provider
        )
    ]

    assert links
    for url in {link["url"] for link in links if link["method"] == "POST"}:
        assert client.post(url).status_code == 302, url
    for url in {link["url"] for link in links if link["method"] == "GET"}:
        page, anchor = client.get(url), url.partition("#")[2]
        assert page.status_code == 200, url
        assert not anchor or f'id="{anchor}"' in page.content.decode(), url


def told(visit: Visit, person: User, agent: Agent) -> list[str]:
    """The labels in the JSON of a refused message."""
    return [link["label"] for link in send(visit(person), agent).json()["error"]["actions"]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.money
class TestOverHttp:
    def test_refusal_carries_its_ways_out(self, cast: Cast, visit: Visit, provider_double: Double) -> None:
        agent = agent_on(cast, "openai")
        bring_key(cast.acme, "anthropic")

        error = send(visit(cast.adam), agent).json()["error"]

        assert (error["code"], told(visit, cast.edith, agent)) == ("byo_key_missing", [LOCAL, CHANGE])
        assert error["message"].startswith(f"{error['title']} Nothing was charged.")
        assert error["actions"] == [
            {"label": "Add an OpenAI key", "url": f"{SETTINGS}#openai-title", "method": "GET"},
            {"label": LOCAL, "url": f"/w/acme/agents/{agent.pk}/use-local/", "method": "POST"},
            {"label": "Change the model", "url": AGENT.format(agent=agent.pk), "method": "GET"},
        ]

    def test_refusal_for_want_of_credits(self, cast: Cast, visit: Visit, provider_double: Double) -> None:
        platform_key()
        spend_all(cast)
        agent = agent_on(cast, "openai")

        assert told(visit, cast.edith, agent) == [LOCAL, "See credits", CHANGE]
        assert told(visit, cast.adam, agent) == [LOCAL, "Use your own OpenAI key", "See credits"]

    def test_visitor_is_led_to_the_sign_in_and_a_viewer_to_the_members(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        agent = agent_on(cast, "openai")

        signed_out = send(visit(None), agent).json()["error"]["actions"]

        back = f"%2Fw%2Facme%2Fagents%2F{agent.pk}%2Fplayground%2F"
        assert [link["url"] for link in signed_out] == [f"/accounts/login/?next={back}"]
        assert told(visit, cast.victor, agent) == ["See who can"]
        assert told(visit, cast.stranger, agent) == []

    def test_terminal_event_has_the_watchers_ways_out(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        bring_key(cast.acme)
        provider_double.script("401", times=None)
        agent = agent_on(cast, "openai")

        where = accepted(visit(cast.edith), agent)
        seen = {
            person: [link["label"] for link in watch(visit(user), where["stream"]).end.data["actions"]]
            for person, user in people(cast).items()
        }

        admins = ["Replace the key", CHECK, LOCAL]
        assert list(seen.values()) == [[], [LOCAL, CHANGE], admins, admins]

    def test_whole_answer_needs_no_way_out_and_a_cut_one_has_one(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        platform_key()
        agent = agent_on(cast, "openai")

        whole = talk(visit(cast.edith), agent).end.data
        provider_double.script("finish_length")
        cut = talk(visit(cast.edith), agent).end.data

        assert (whole["ending"], whole["actions"]) == ("complete", [])
        assert (cut["ending"], [link["label"] for link in cut["actions"]]) == (
            "cut_model",
            ["Agent's settings"],
        )

    def test_form_without_a_script_has_the_links_on_its_page(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        agent = agent_on(cast, "openai")
        bring_key(cast.acme, "anthropic")
        visitor = visit(cast.adam)

        page = send(visitor, agent, accept="text/html", csrfmiddlewaretoken=csrf(visitor)).text

        problem = page.partition("data-trouble")[2].partition("</div>")[0]
        assert f'href="{SETTINGS}#openai-title">Add an OpenAI key</a>' in problem

    def test_a_reply_of_another_is_not_stopped_and_the_editor_is_told_who_can(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        platform_key()
        provider_double.script("hang_mid_stream")
        agent = agent_on(cast, "openai")
        accepted(visit(cast.adam), agent)
        reply = Reply.objects.get()

        error = stop(visit(cast.edith), "acme", str(reply.pk)).json()["error"]

        assert (error["code"], [link["label"] for link in error["actions"]]) == ("not_yours", ["See who can"])
        stop(visit(cast.adam), "acme", str(reply.pk))
