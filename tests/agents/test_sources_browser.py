"""In a real browser: files are uploaded, rows follow their training without a reload, and fifty of them still read well."""

from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from agents.models import Agent, Source
from agents.sources import working
from billing.models import Plan
from tests.agents.test_judging_browser import LOOKS, assert_shows_well
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENT = 30_000


@pytest.fixture
def guide(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=100)
    return agent


def row_of(page: Page, title: str) -> Any:
    return page.get_by_role("listitem").filter(has_text=title)


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark"])
@pytest.mark.both_databases
def test_files_are_uploaded_and_their_rows_follow_without_a_reload(
    cast: Cast, guide: Agent, open_page: OpenPage, look: dict[str, Any]
) -> None:
    page = open_page(cast.edith, **look)
    page.goto(f"/w/acme/agents/{guide.pk}/")
    page.get_by_role("link", name="Add files").click()
    assert_shows_well(page)
    hours: FilePayload = {"name": "hours.txt", "mimeType": "text/plain", "buffer": b"We open at nine."}
    scan: FilePayload = {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 broken"}
    page.get_by_label("Files").set_input_files([hours, scan])
    page.get_by_role("button", name="Upload and train").click()
    expect(row_of(page, "hours.txt")).to_contain_text("Waiting")
    # Kept by whoever looks, and lost by a reload.
    page.evaluate("() => { document.body.dataset.kept = 'yes'; }")
    row_of(page, "scan.pdf").get_by_role("button", name="Cancel").focus()

    for source in guide.sources.all():
        working.train(source.pk)

    expect(row_of(page, "hours.txt")).to_contain_text("trained", timeout=PATIENT)
    failed = row_of(page, "scan.pdf")
    expect(failed).to_contain_text("The file is damaged", timeout=PATIENT)
    # Whoever stood on a button of the row still stands in it.
    expect(failed.locator(":focus")).to_have_count(1)
    assert page.evaluate("document.body.dataset.kept") == "yes"
    assert_shows_well(page)


def test_without_scripts_a_link_reloads_what_is_being_trained(
    cast: Cast, guide: Agent, open_page: OpenPage
) -> None:
    page = open_page(cast.edith, java_script_enabled=False)
    source = Source.objects.create(agent=guide, title="hours.txt", text="Nine.", kind="file", state="queued")
    page.goto(f"/w/acme/agents/{guide.pk}/")
    expect(row_of(page, "hours.txt")).to_contain_text("Waiting")

    working.train(source.pk)
    page.get_by_role("link", name="Reload to see how far it is").click()

    expect(row_of(page, "hours.txt")).to_contain_text("trained")


def test_acts_of_a_long_question_stand_where_those_of_others_do(
    cast: Cast, guide: Agent, open_page: OpenPage
) -> None:
    for question, answer in (("Short?", "Yes."), ("Long?", "Because of what was said before. " * 20)):
        guide.qa_pairs.create(question=question, answer=answer)
    page = open_page(cast.edith, viewport={"width": 1280, "height": 900})
    page.goto(f"/w/acme/agents/{guide.pk}/")

    def left(question: str) -> float:
        box = row_of(page, question).get_by_role("button", name="Delete").bounding_box()
        assert box
        return box["x"]

    assert left("Short?") == left("Long?")


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark"])
def test_fifty_sources_in_every_state_read_well(
    cast: Cast, guide: Agent, open_page: OpenPage, look: dict[str, Any]
) -> None:
    states = ["training", "queued", "failed", "cancelled", "ready"]
    for number in range(50):
        state = states[number % 5]
        Source.objects.create(
            agent=guide, title=f"{'Unbreakable' * 12}{number}.docx", text="", kind="file", state=state,
            note="Why it failed. " * 10 if state == "failed" else "",
        )  # fmt: skip
    page = open_page(cast.edith, **look)

    page.goto(f"/w/acme/agents/{guide.pk}/")

    expect(page.locator("[data-source]")).to_have_count(50)
    assert_shows_well(page)
