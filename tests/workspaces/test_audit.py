"""The audit log's page and export."""

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client, RequestFactory

from tests.factories import add_member, make_user, make_workspace, queries_of
from workspaces import audit
from workspaces.models import User, Workspace

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/audit/"


def shown(browser: Client, query: str = "") -> list[int]:
    return [event.pk for event in browser.get(PAGE + query).context["events"]]


def rows_of(response: Any) -> list[list[str]]:
    async def whole() -> str:
        return "".join([part.decode() async for part in response.streaming_content])

    return list(csv.reader(io.StringIO(async_to_sync(whole)(), newline="")))


def test_record_takes_actor_and_address_from_the_request(acme: Workspace, olivia: User) -> None:
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.7")
    request.user = olivia
    event = audit.record(acme, "thing.done", request=request, count=3)
    event.refresh_from_db()

    assert (event.actor_id, event.actor_email, event.address) == (olivia.pk, "olivia@acme.test", "192.0.2.7")
    assert (event.sentence, event.details) == ("Thing done", [("count", "3")])


def test_record_without_an_actor_is_the_systems(acme: Workspace) -> None:
    event = audit.record(acme, "thing.done")

    assert (event.actor_id, event.actor_email, event.address) == (None, "", None)


def test_page_shows_only_this_workspaces_events(owner: Client, acme: Workspace) -> None:
    gina = make_user("gina@globex.test")
    globex = make_workspace(gina, slug="globex")
    audit.record(globex, "provider_key.replaced", actor=gina, mask="sk-…GINA")
    page = owner.get(PAGE).content.decode()

    assert "Workspace Acme made, at the address acme" in page
    assert "gina@globex.test" not in page
    assert "Provider key of" not in page


def test_page_shows_data_as_text(owner: Client, acme: Workspace) -> None:
    audit.record(acme, "thing.done", note="<img src=x onerror=alert(1)>")
    page = owner.get(PAGE).content.decode()

    assert "&lt;img src=x" in page
    assert "<img src=x" not in page


def test_page_filters_by_action_and_by_actor(owner: Client, acme: Workspace, olivia: User) -> None:
    created = acme.audit_events.get()
    adam = add_member(acme, "admin", make_user("adam@acme.test")).user
    his = audit.record(acme, "thing.done", actor=adam)
    hers = audit.record(acme, "thing.done", actor=olivia)

    assert shown(owner, "?action=thing.done") == [hers.pk, his.pk]
    assert shown(owner, "?actor=olivia@acme.test") == [hers.pk, created.pk]
    assert shown(owner, "?actor=adam@acme.test&action=thing.done") == [his.pk]
    assert shown(owner, "?actor=gina@globex.test") == []


def test_page_turns_by_keyset_without_gaps_or_repeats(owner: Client, acme: Workspace) -> None:
    for number in range(120):
        audit.record(acme, "thing.done", number=number)
    everything = list(acme.audit_events.order_by("-id").values_list("id", flat=True))

    pages, query = [], ""
    while True:
        response = owner.get(PAGE + query)
        pages.append([event.pk for event in response.context["events"]])
        audit.record(acme, "thing.done", number=-1)  # arrives between two clicks
        if response.context["older"] is None:
            break
        query = f"?before={response.context['older']}"
    assert [len(page) for page in pages] == [50, 50, 21]
    assert [pk for page in pages for pk in page] == everything


@pytest.mark.parametrize("before", ["0", "-1", "x", "1", str(2**70), "A" * 120, "A" * 9_000])
def test_page_shows_nothing_for_a_malformed_place(owner: Client, acme: Workspace, before: str) -> None:
    assert shown(owner, f"?before={before}") == []


def test_page_costs_the_same_whatever_the_number_of_events(owner: Client, acme: Workspace) -> None:
    few = queries_of(owner, PAGE)
    for _ in range(50):
        audit.record(acme, "thing.done", actor=make_user())

    assert queries_of(owner, PAGE) == few <= 12


def test_export_holds_everything_the_filter_finds(owner: Client, acme: Workspace, olivia: User) -> None:
    for number in range(audit.EXPORT_ROWS + 3):
        audit.record(acme, "thing.done", actor=olivia, number=number)
    response = owner.get(f"{PAGE}export.csv?action=thing.done")
    rows = rows_of(response)

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="audit-acme.csv"'
    assert rows[0] == list(audit.CSV_HEADER)
    assert [json.loads(row[4])["number"] for row in rows[1:]] == list(reversed(range(audit.EXPORT_ROWS + 3)))
    assert {(row[1], row[2]) for row in rows[1:]} == {("thing.done", "olivia@acme.test")}


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", " ="])
def test_export_never_hands_a_formula_to_a_spreadsheet(owner: Client, acme: Workspace, sign: str) -> None:
    mischief = f"{sign}HYPERLINK(1)@acme.test"
    audit.AuditEvent.objects.create(workspace=acme, action="thing.done", actor_email=mischief)
    rows = rows_of(owner.get(f"{PAGE}export.csv"))

    assert [row[2] for row in rows if row[1] == "thing.done"] == [f"'{mischief}"]


def test_export_of_an_unknown_action_is_refused(owner: Client, acme: Workspace) -> None:
    assert owner.get(f"{PAGE}export.csv?action=no.such").status_code == 400
