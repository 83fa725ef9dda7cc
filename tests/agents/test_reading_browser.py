"""In a real browser: a reply that comes looks as it does after a reload, and nothing jumps on the way."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from agents.models import Agent
from tests.agents.scenes import agent_on
from tests.agents.test_endings_browser import fits, sound
from tests.agents.written_answers import ANSWERS
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast
from tests.harness.chat import platform_key
from tests.provider_double.client import Double

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.money]

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
        moved = shifts(phone, after=at_end - 20)
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
    assert sound(phone) == []
    phone.emulate_media(color_scheme="dark")
    assert sound(phone) == []
    # The colours are the reader's then, and axe does not see them.
    phone.emulate_media(color_scheme="light", forced_colors="active")
    assert [one for one in sound(phone) if not one.startswith("color-contrast")] == []
