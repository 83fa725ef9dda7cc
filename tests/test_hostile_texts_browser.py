"""In a real browser: no text that people or models write runs, or fetches anything, wherever it is shown.

Each page is opened twice: as it is served, where the console may not tell of anything that the page's policy had to
stop, and with that policy switched off, where what we send is all that protects.
"""

import pytest
from playwright.sync_api import Page, expect

from agents.models import Agent, Conversation, QAPair, Reply, ReplyRating, Source
from tests.agents.scenes import agent_on
from tests.agents.test_pages import make_reply
from tests.factories import add_member
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import platform_key
from tests.hostile_texts import HOSTILE
from tests.provider_double.client import Double
from workspaces import audit

pytestmark = [
    pytest.mark.deep,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.money,
]

# What a page of a conversation shows at once.
TURNS = 44


def test_two_hundred_of_them() -> None:
    assert len(HOSTILE) >= 200


def test_they_would_run_where_nothing_protects(open_page: OpenPage, complaints: list[str]) -> None:
    page = open_page(bypass_csp=True)
    page.goto("/accounts/login/")
    # Without what would lead the page away.
    page.set_content("".join(one for one in HOSTILE if "refresh" not in one and "<base" not in one))
    page.wait_for_load_state()

    assert page.evaluate("window.ran") == 1
    assert any("off-site request: https://elsewhere.test/" in one for one in complaints)
    complaints.clear()


def fitting(characters: int) -> list[str]:
    return [one for one in HOSTILE if len(one) <= characters]


def furnish(cast: Cast) -> tuple[Agent, list[Conversation]]:
    """Each text in every field that people or models fill."""
    acme = cast.acme
    acme.name = fitting(80)[0]
    acme.save()
    cast.edith.name = fitting(80)[1]
    cast.edith.save()
    agent = make_agent(acme, name=fitting(80)[2])
    Agent.objects.bulk_create(
        Agent(workspace=acme, name=one, chat_model=agent.chat_model) for one in fitting(80)
    )
    agent.instructions = "\n".join(HOSTILE)
    agent.fallback_text = HOSTILE[0]
    agent.suggested_questions = "\n".join(fitting(80)[:6])
    agent.save()
    Source.objects.bulk_create(
        Source(
            agent=agent, title=one, text=one, content_hash=f"{number:064}", note=one, url="https://a.test/", kind="file"
        )
        for number, one in enumerate(HOSTILE)
    )  # fmt: skip
    QAPair.objects.bulk_create(
        QAPair(agent=agent, question=one, answer=one, folded=f"{number}", exact=None)
        for number, one in enumerate(HOSTILE)
    )
    conversations = []
    for start in range(0, len(HOSTILE), TURNS):
        conversation = Conversation.objects.create(
            agent=agent, started_by=cast.edith, title=HOSTILE[start][:120]
        )
        for one in HOSTILE[start : start + TURNS]:
            source = {"title": one, "heading": one, "text": one, "url": "https://a.test/"}
            reply = make_reply(
                agent, conversation, question=one, text=f"{one} [1]", html="", html_version=0, sources=[source],
                model_name=one[:60],
            )  # fmt: skip
            ReplyRating.objects.create(reply=reply, member=cast.edith, value="down", note=one)
        conversations.append(conversation)
    for one in HOSTILE:
        audit.record(acme, "agent.created", actor=cast.edith, agent=one, name=one)
    for number, one in enumerate(fitting(80)[3:40]):
        member = add_member(acme, "viewer").user
        member.name = f"{number} {one}"[:80]
        member.save()
    return agent, conversations


def pages_of(agent: Agent, conversations: list[Conversation]) -> list[str]:
    slug, base = agent.workspace.slug, f"/w/{agent.workspace.slug}/agents/{agent.pk}/"
    reply = Reply.objects.order_by("created_at")[0]
    return [
        "/", f"/w/{slug}/", f"/w/{slug}/agents/", base, f"{base}playground/", f"{base}inspect/", f"{base}compare/",
        f"{base}activity/", f"{base}playground/try/", f"/w/{slug}/conversations/", f"/w/{slug}/members/", f"/w/{slug}/audit/",
        f"/w/{slug}/settings/", f"/w/{slug}/credits/", f"/w/{slug}/settings/llm/",
        f"/w/{slug}/replies/{reply.pk}/", f"/w/{slug}/replies/{reply.pk}/sources/1/", f"/w/{slug}/replies/{reply.pk}/correct/",
        *(f"{base}playground/?conversation={one.pk}" for one in conversations),
        *(f"/w/{slug}/conversations/{one.pk}/" for one in conversations[:1]),
    ]  # fmt: skip


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.ran") is None, page.url


@pytest.mark.parametrize("has_policy", [True, False], ids=["as served", "without the policy"])
@pytest.mark.both_databases
def test_stored_texts_are_shown_and_do_nothing(cast: Cast, open_page: OpenPage, has_policy: bool) -> None:
    agent, conversations = furnish(cast)
    page = open_page(cast.olivia, bypass_csp=not has_policy)
    for path in pages_of(agent, conversations):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert_nothing_ran(page)
    page.goto("/w/acme/agents/")
    expect(page.get_by_text(fitting(80)[0], exact=True).first).to_be_visible()


@pytest.mark.parametrize("has_policy", [True, False], ids=["as served", "without the policy"])
def test_operators_desk_shows_them_and_does_nothing(
    cast: Cast, open_page: OpenPage, has_policy: bool
) -> None:
    furnish(cast)
    page = open_page(cast.oscar, bypass_csp=not has_policy)
    reply = Reply.objects.order_by("created_at")[0]
    for path in (
        "agents/reply/", f"agents/reply/{reply.pk}/change/", "workspaces/workspace/", "workspaces/user/",
        f"workspaces/user/{cast.edith.pk}/change/", "workspaces/auditevent/", "billing/account/",
    ):  # fmt: skip
        page.goto(f"/admin/{path}")
        assert_nothing_ran(page)


@pytest.mark.parametrize("has_policy", [True, False], ids=["as served", "without the policy"])
def test_live_reply_in_small_pieces_does_nothing_while_it_comes_and_after_it(
    cast: Cast, open_page: OpenPage, provider_double: Double, has_policy: bool
) -> None:
    platform_key()
    agent = agent_on(cast, "openai")
    page = open_page(cast.edith, bypass_csp=not has_policy)
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    for start in range(0, len(HOSTILE), TURNS):
        text = "\n\n".join(HOSTILE[start : start + TURNS])
        provider_double.script(
            "chunks", chunks=[text[at : at + 7] for at in range(0, len(text), 7)], gap_ms=0
        )
        page.get_by_label("Your message").fill(text)
        page.get_by_label("Your message").press("Enter")
        expect(page.locator(".chat__turn")).to_have_count(start // TURNS + 1)
        expect(page.locator(".chat__turn").last.locator("[data-link]")).to_be_visible()
        assert_nothing_ran(page)
    page.reload()
    expect(page.locator(".chat__turn")).to_have_count(-(-len(HOSTILE) // TURNS))
    assert_nothing_ran(page)
