"""In a real browser: a reply that comes looks as it does after a reload, and nothing jumps on the way."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.knowledge import training
from agents.models import Agent, Conversation, Reply
from llm.models import ChatModel
from tests.agents.scenes import agent_on, give_plenty
from tests.agents.test_pages import make_reply
from tests.agents.written_answers import ANSWERS
from tests.harness.browser import OpenPage, fits, problems_of
from tests.harness.cast import Cast
from tests.harness.chat import MODELS, platform_key
from tests.provider_double.client import Double

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
    pytest.mark.money,
]

PHONE = {"width": 360, "height": 780}
# Every shift is kept, those shortly after a click too.
SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => window.shifts.push(...list.getEntries().map(one => ({
  at: one.startTime, value: one.value, what: one.sources.map(it => it.node?.outerHTML?.slice(0, 80) ?? "text"),
})))).observe({ type: "layout-shift", buffered: true });
"""
# A node as a list: its name, attributes and children, or its text.
TREE = """it => {
  const tree = node => node.nodeType === 3 ? node.data
    : [node.nodeName, [...node.attributes].map(a => `${a.name}=${a.value}`).sort(), [...node.childNodes].map(tree)];
  return tree(it);
}"""


def pieces(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.fixture
def agent(cast: Cast, provider_double: Double) -> Agent:
    platform_key()
    give_plenty(cast)  # the notice that the next reply does not fit would move the page
    return agent_on(cast, "openai")


@pytest.fixture
def phone(cast: Cast, open_page: OpenPage, agent: Agent) -> Page:
    page = open_page(cast.edith, viewport=PHONE)
    page.add_init_script(SHIFTS + WATCH)
    page.goto(f"/w/acme/agents/{agent.pk}/playground/")
    return page


def begin(page: Page, text: str) -> Locator:
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    return page.locator(".chat__turn").filter(has_text=text)


def ended(turn: Locator) -> None:
    expect(turn).to_have_attribute("id", re.compile("^reply-"), timeout=60_000)


def shifts(page: Page, *, after: float = 0) -> list[dict[str, Any]]:
    return [one for one in page.evaluate("window.shifts") if one["at"] > after]


# When each turn is finished, and which nodes of its text were there before.
WATCH = """
window.finished = {};
window.before = new Map();
new MutationObserver(all => all.forEach(({ target }) => {
  if (!target.matches(".chat__turn")) return;
  window.finished[target.id] = performance.now();
})).observe(document, { subtree: true, attributeFilter: ["id"] });
const look = () => {
  for (const text of document.querySelectorAll("[data-text]")) {
    const known = window.before.get(text) ?? new Set();
    window.before.set(text, new Set([...known, ...[...text.children].slice(0, -1)]));
  }
  requestAnimationFrame(look);
};
document.addEventListener("DOMContentLoaded", look);
"""
# Of the blocks that were whole before the end, those that are still there; all others.
KEPT = """text => {
  const before = [...window.before.get(text)];
  return [before.filter(it => text.contains(it)).length, before.filter(it => !text.contains(it)).map(it => it.outerHTML)];
}"""


@pytest.mark.deep
def test_twenty_answers_are_the_same_live_and_reloaded_and_nothing_jumps(
    phone: Page, provider_double: Double
) -> None:
    live, all_kept = {}, 0
    for name, text in ANSWERS.items():
        provider_double.script("chunks", chunks=pieces(text), gap_ms=15, first_ms=300)
        turn = begin(phone, f"The answer of {name}, please")
        ended(turn)
        at_end = turn.evaluate("it => window.finished[it.id]")
        live[name] = turn.locator(".chat__text").evaluate(TREE)
        moved = shifts(phone, after=at_end - 5)
        assert sum(one["value"] for one in moved) < 0.02, (name, moved)
        kept, lost = turn.locator(".chat__text").evaluate(KEPT)
        assert lost == [], name
        all_kept += kept
        assert fits(phone), name

    assert all_kept > 30

    phone.reload()
    for name in ANSWERS:
        turn = phone.locator(".chat__turn").filter(has_text=f"The answer of {name}, please")
        assert turn.locator(".chat__text").evaluate(TREE) == live[name], name
    assert fits(phone)
    assert problems_of(phone) == []
    phone.emulate_media(color_scheme="dark")
    phone.reload()
    assert problems_of(phone) == []
    # The colours are the reader's then, and axe does not see them.
    phone.emulate_media(color_scheme="light", forced_colors="active")
    phone.reload()
    assert [one for one in problems_of(phone) if not one.startswith("color-contrast")] == []


def test_long_piece_at_once_moves_nothing_beside_it(phone: Page, provider_double: Double) -> None:
    """As on a busy machine: what came in many pieces is shown in one frame, with the scrolling that keeps it in sight."""
    for number in range(3):
        provider_double.script("chunks", chunks=["A line of it.  \n" * 12], first_ms=800)
        # So long that the box becomes lower when it is sent.
        turn = begin(phone, f"Question {number}, in words that take two lines at least")
        # Accepted: the first message brings the way to a new conversation.
        expect(phone.locator("[data-new-conversation]")).to_be_visible()
        phone.wait_for_timeout(200)
        accepted_at = phone.evaluate("performance.now()")
        ended(turn)
        expect(turn.locator(".chat__price")).to_be_visible()
        phone.wait_for_timeout(100)

        moved = shifts(phone, after=accepted_at)
        assert sum(one["value"] for one in moved) < 0.02, moved
        foot, cover = turn.bounding_box(), phone.locator("[data-composer]").bounding_box()
        assert foot
        assert cover
        assert foot["y"] + foot["height"] == pytest.approx(cover["y"] - 8, abs=1)


class TestMarks:
    @pytest.fixture
    def reply(self, cast: Cast, provider_double: Double, agent: Agent) -> Reply:
        training.add_text(agent, title="Visit", text="# Prices\n\nA ticket costs five.\n\n# Dogs\n\nNo dogs.")
        return make_reply(
            agent,
            Conversation.objects.create(agent=agent, started_by=cast.edith),
            text="It costs five [1]. " + "And so on.\n\n" * 40,
            sources=[{"title": "Visit", "heading": "Prices", "text": "A ticket costs five."}],
            html_version=0,
        )

    @pytest.mark.parametrize("scripts", [True, False])
    def test_mark_opens_its_source_and_that_the_passage(
        self, cast: Cast, open_page: OpenPage, reply: Reply, scripts: bool
    ) -> None:
        page = open_page(cast.edith, viewport=PHONE, java_script_enabled=scripts)
        page.goto(f"/w/acme/agents/{reply.agent_id}/playground/?conversation={reply.conversation_id}")
        source = page.locator(f"#reply-{reply.pk}-source-1")
        expect(source).to_be_hidden()

        page.get_by_role("link", name="Source [1]").focus()
        page.keyboard.press("Enter")

        expect(source).to_be_visible()
        expect(source).to_be_in_viewport()
        expect(source).to_be_focused()
        expect(source.get_by_text("A ticket costs five.")).to_be_visible()
        if scripts:
            assert problems_of(page) == []
        source.get_by_role("link", name="Back to mark 1").click()
        expect(page.get_by_role("link", name="Source [1]")).to_be_in_viewport()
        expect(page.get_by_role("link", name="Source [1]")).to_be_focused()

        source.get_by_role("link", name="Open the passage of source 1").click()
        expect(page.get_by_role("heading", name="Visit")).to_be_visible()
        expect(page.locator("mark")).to_have_text("A ticket costs five.")
        expect(page.locator("mark")).to_be_in_viewport()
        if scripts:
            assert problems_of(page) == []
            assert fits(page)


def test_first_text_is_seen_at_once(phone: Page, provider_double: Double) -> None:
    """From the double's first token, which is its send time, to the text in the page: the median of nine."""
    ChatModel.objects.filter(model_id=MODELS["openai"][0]).update(model_id="fake-t3-f400-d300-m")
    waits = []
    for number in range(9):
        phone.evaluate("""() => {
          window.seen = 0;
          new MutationObserver((_, watcher) => {
            const text = [...document.querySelectorAll("[data-text]")].pop();
            if (!text?.textContent.trim()) return;
            window.seen = [Date.now(), text.textContent];
            watcher.disconnect();
          }).observe(document.querySelector("[data-log]"), { subtree: true, childList: true, characterData: true });
        }""")
        turn = begin(phone, f"Question {number}")
        ended(turn)
        seen, token = phone.evaluate("window.seen")
        ahead = time.time() - time.monotonic()  # of the page's clock
        waits.append(seen - (int(token) / 1000 + ahead * 1000))
    assert 0 <= sorted(waits)[4] < 20


def test_words_after_a_rendered_blank_do_not_stick_to_it(phone: Page) -> None:
    shown = phone.evaluate("""async () => {
      const { LiveText } = await import("/static/js/live_text.js");
      const element = document.createElement("div"), live = new LiveText(element);
      live.add("Replies on **credits** ");
      live.show({ from: 0, html: "<p>Replies on <strong>credits</strong></p>", rest: 0 });
      live.add("are ");
      live.show({ from: 0, html: "<p>Replies on <strong>credits</strong></p>", rest: 4 });
      return element.textContent;
    }""")

    assert shown == "Replies on credits are "
