"""After a refusal a person is told once, has a way back, and keeps the text they typed."""

import re
from html import unescape

import httpx
import pytest

from agents.models import Agent, Conversation
from llm import byo, keys
from llm.models import ProviderKey
from llm.providers.base import Fault
from tests.agents.scenes import agent_on, spend_all
from tests.agents.test_pages import make_reply
from tests.factories import browser_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import bring_key, csrf, platform_key, send
from tests.harness.visitor import Visit, Visitor
from tests.llm.rows import the_key
from tests.provider_double.client import Double

pytestmark = pytest.mark.django_db(transaction=True)

TYPED = "When do you open? <b>é</b>"
VERIFY = "/w/acme/settings/llm/keys/openai/verify/"
A_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def playground(agent: Agent) -> str:
    return f"/w/acme/agents/{agent.pk}/playground/"


def answer(visitor: Visitor, agent: Agent, **fields: str) -> httpx.Response:
    """What a form's message is answered with."""
    return send(visitor, agent, TYPED, accept="text/html", csrfmiddlewaretoken=csrf(visitor), **fields)


class TestWithoutScripts:
    def test_broken_route_is_told_in_one_box_with_what_was_typed(self, cast: Cast, visit: Visit) -> None:
        agent = agent_on(cast, "openai")
        byo.set_byo(cast.acme, enabled=True, by=None)

        page = answer(visit(cast.adam), agent).text

        told = "This workspace brings its own keys, but has none for OpenAI."
        assert unescape(page).count(told) == 1
        assert page.count("Add an OpenAI key</a>") == 1
        assert "Nothing was charged." in page.partition("data-trouble")[2].partition("</div>")[0]
        assert '<p dir="auto">When do you open? &lt;b&gt;é&lt;/b&gt;</p>' in page

    def test_every_link_of_a_refusal_leads_somewhere(self, cast: Cast, visit: Visit) -> None:
        agent = agent_on(cast, "openai")
        talked = Conversation.objects.create(agent=agent, started_by=cast.adam)
        for _ in range(60):
            make_reply(agent, talked)
        platform_key()
        spend_all(cast)
        visitor = visit(cast.adam)

        for conversation in ("", str(talked.pk)):
            refusal = answer(visitor, agent, conversation=conversation)
            assert refusal.status_code == 402
            # One of each kind: a page of turns has hundreds.
            kinds = {A_UUID.sub("", link): link for link in re.findall(r'href="([^"#]+)', refusal.text)}
            for link in kinds.values():
                assert visitor.get(unescape(str(refusal.url.join(link)))).status_code == 200, link

    def test_sending_all_the_same_takes_what_was_typed_along(
        self, cast: Cast, visit: Visit, provider_double: Double
    ) -> None:
        bring_key(cast.acme)
        byo.set_byo(cast.acme, enabled=True, by=None)
        agent = agent_on(cast, "openai")
        talk = Conversation.objects.create(agent=agent, started_by=cast.adam)
        keys.note_result(the_key(cast.acme).pk, fault=Fault.REJECTED)
        visitor = visit(cast.adam)

        # An answer at the address of messages: a link relative to it would lead nowhere.
        refused = answer(visitor, agent, conversation=str(talk.pk), idempotency_key="short").text
        link = re.search(r'<a href="([^"]*)">Send a message all the same', refused)
        assert link
        page = visitor.get(unescape(link[1])).text

        assert f'value="{talk.pk}"' in page
        assert "When do you open? &lt;b&gt;é&lt;/b&gt;</textarea>" in page

    def test_want_of_credits_is_told_in_one_box(self, cast: Cast, visit: Visit) -> None:
        platform_key()
        agent = agent_on(cast, "openai")
        spend_all(cast)

        page = answer(visit(cast.adam), agent).text

        assert page.count("See credits</a>") == 1
        assert "Nothing was charged." in page
        assert "data-shortage" not in page

    def test_another_refusal_stands_beside_a_broken_route(self, cast: Cast, visit: Visit) -> None:
        agent = agent_on(cast, "openai")
        byo.set_byo(cast.acme, enabled=True, by=None)
        page = answer(visit(cast.adam), agent, idempotency_key="short").text

        assert "The page is out of date." in page
        assert "has none for OpenAI." in page


class TestCheckTheKeyAgain:
    @pytest.fixture
    def agent(self, cast: Cast, provider_double: Double) -> Agent:
        bring_key(cast.acme)
        keys.note_result(the_key(cast.acme).pk, fault=Fault.REJECTED)
        # One whose last day the provider's list does not tell: it is asked for here.
        return make_agent(cast.acme, "gpt-6-luna")

    def test_comes_back_to_the_conversation_with_the_result(self, cast: Cast, agent: Agent) -> None:
        talk = Conversation.objects.create(agent=agent, started_by=cast.adam)
        adam = browser_of(cast.adam)
        page = adam.get(f"{playground(agent)}?conversation={talk.pk}").content.decode()
        back = re.search(r'name="next" value="([^"]*)"', page)
        assert back
        assert f'formaction="{VERIFY}"' in page

        fields = {"next": unescape(back[1]), "conversation": str(talk.pk), "text": TYPED}
        after = adam.post(VERIFY, fields, follow=True)

        assert after.request["PATH_INFO"] == playground(agent)
        assert (after.context["conversation"], after.context["draft"]) == (talk, TYPED)
        shown = after.content.decode()
        assert "checked." in shown
        assert "data-trouble" not in shown
        assert the_key(cast.acme).health == ProviderKey.Health.VALID

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example/", "//evil.example/w/acme/", "/w/globex/", "/admin/", "", "/w/acme", "\\evil"],
    )
    def test_leads_to_no_other_place(self, cast: Cast, agent: Agent, elsewhere: str) -> None:
        answer = browser_of(cast.adam).post(VERIFY, {"next": elsewhere, "text": TYPED})

        assert answer["location"] == "/w/acme/settings/llm/"

    def test_text_that_no_address_holds_is_left_out(self, cast: Cast, agent: Agent) -> None:
        fields = {"next": f"{playground(agent)}?ask=old&before=1", "text": "x" * 5_000}

        assert browser_of(cast.adam).post(VERIFY, fields)["location"] == f"{playground(agent)}?before=1"

    def test_refused_message_leads_back_to_the_playground(
        self, cast: Cast, visit: Visit, agent: Agent
    ) -> None:
        """Its page came by a POST, whose address nobody can go back to."""
        keys.delete(cast.acme, provider="openai", by=cast.adam)
        page = answer(visit(cast.adam), agent).text

        assert re.findall(r'name="next"\s+value="([^"]*)"', page) == [playground(agent)]


class TestAgentThatIsGone:
    def test_its_playground_has_ways_for_the_role(self, cast: Cast) -> None:
        agent = agent_on(cast, "openai")
        gone = playground(agent)
        agent.delete()

        edith, adam = (browser_of(user).get(gone) for user in (cast.edith, cast.adam))

        assert (edith.status_code, adam.status_code) == (404, 404)
        told = edith.content.decode()
        assert "This agent is not here any more." in told
        assert "Nothing was charged." not in told
        ways = [{way["label"] for way in page.context["ways"]} for page in (edith, adam)]
        assert ways == [{"See the agents", "New agent"}, {"See the agents", "New agent", "Audit log"}]
        assert browser_of(cast.stranger).get(gone).status_code == 404
        assert b"any more" not in browser_of(cast.stranger).get(gone).content

    def test_what_was_typed_to_it_is_kept(self, cast: Cast, visit: Visit) -> None:
        agent = agent_on(cast, "openai")
        Agent.objects.filter(pk=agent.pk).delete()

        page = answer(visit(cast.edith), agent)

        assert page.status_code == 404
        told = page.text
        assert "readonly>When do you open? &lt;b&gt;é&lt;/b&gt;</textarea>" in told
        assert "Nothing was charged." in told
