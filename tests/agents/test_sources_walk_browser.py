"""In a real browser, with a worker: what a person does with a website while it is read, and with rows of questions."""

import os
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.agents import websites
from tests.agents.test_judging_browser import LOOKS, assert_shows_well
from tests.agents.test_sources_browser import row_of
from tests.agents.test_train_worker import PAGE, known
from tests.agents.websites import Site
from tests.harness.browser import OpenPage
from tests.harness.cast import Cast, make_agent
from tests.harness.live import Server, StartServer
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PATIENT = 60_000


@pytest.fixture
def server(transactional_db: None, cast: Cast, start_server: StartServer) -> Server:
    return start_server(TRAIN_WORKERS="1", FETCH_LOOPBACK="true")


def held_back(title: str, going_on: threading.Event) -> websites.Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        going_on.wait(120)
        websites.plain(handler, PAGE.format(title))

    return answer


@pytest.mark.both_databases
@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark"])
def test_a_website_is_watched_cancelled_tried_again_deleted_and_brought_back(
    cast: Cast, server: Server, site: Site, open_page: OpenPage, look: dict[str, Any]
) -> None:
    agent = make_agent(cast.acme)
    page = open_page(cast.edith, server=server, **look)
    site.pages |= {"/": PAGE.format("Ants"), "/a": PAGE.format("Bees"), "/b": PAGE.format("Cats")}
    page.goto(f"/w/acme/agents/{agent.pk}/sources/website/")
    page.get_by_label("Address").fill(site.url)
    page.get_by_role("button", name="Read and train").click()
    row = row_of(page, site.url.removeprefix("http://").rstrip("/"))
    # Not "3 pages" alone, because the row says "2 of 3 pages so far" while it is read.
    expect(row).to_contain_text("3 pages, trained", timeout=PATIENT)
    source = agent.sources.get(kind="website")

    # Changed, and its last page takes its time.
    going_on = threading.Event()
    site.pages |= {"/": PAGE.format("Apes"), "/a": PAGE.format("Bats"), "/b": held_back("Cows", going_on)}
    row.get_by_role("button", name="Read").click()
    expect(row.get_by_role("progressbar")).to_have_attribute("value", "2", timeout=PATIENT)
    assert_shows_well(page)
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/training-{look['color_scheme']}.png", full_page=True)
    row.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("is cancelled.")).to_be_visible()
    assert known(source) == {"Ants", "Bees", "Cats"}

    going_on.set()
    row.get_by_role("button", name="Try").click()
    expect(row).to_contain_text("3 pages, trained", timeout=PATIENT)
    assert known(source) == {"Apes", "Bats", "Cows"}

    row.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Bring")).to_be_visible()
    assert known(source) == set()
    page.get_by_role("button", name="Bring").click()
    assert eventually(lambda: known(source) == {"Apes", "Bats", "Cows"}, seconds=60)


def test_files_are_dropped_on_the_form_and_rows_are_seen_before_they_are_imported(
    cast: Cast, server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    agent = make_agent(cast.acme)
    page = open_page(cast.edith, server=server)
    page.goto(f"/w/acme/agents/{agent.pk}/sources/files/")
    file = tmp_path / "hours.md"
    file.write_text("# Hours\n\nWe open at nine.")
    drop(page, file)
    page.get_by_role("button", name="Upload and train").click()
    expect(row_of(page, "hours.md")).to_contain_text("trained", timeout=PATIENT)

    page.goto(f"/w/acme/agents/{agent.pk}/sources/questions/")
    rows = '\ufeffQuestion;Answer\nWhen do you open?;"At nine.\nOn Sunday at ten."\nWho are you?;\n'
    page.get_by_label("CSV file").set_input_files(
        {"name": "rows.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main")).to_contain_text("On Sunday at ten.")
    assert not agent.qa_pairs.exists()
    assert_shows_well(page)
    if os.environ.get("SHOTS"):
        page.screenshot(path=f"{os.environ['SHOTS']}/preview.png", full_page=True)
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("main")).to_contain_text("When do you open?")
    assert agent.qa_pairs.get().answer == "At nine.\nOn Sunday at ten."


def drop(page: Page, file: Path) -> None:
    """Let go of a file over the field, as from a window beside the browser."""
    box = page.get_by_label("Files").bounding_box()
    assert box is not None
    with_files = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": with_files})
