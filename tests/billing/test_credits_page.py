"""The credits page and the ledger's export: who sees what, and at what price in queries."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import ledger, statement
from billing.models import Account, Plan, Transfer
from bookbag import onboarding
from tests.billing import moves
from tests.factories import add_member, browser_of, make_user
from workspaces import audit, page_marks
from workspaces.models import Role, Workspace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound_ledger")]


@pytest.fixture
def acme() -> Workspace:
    return onboarding.create_workspace(name="Acme", slug="acme", owner=make_user())


@pytest.fixture
def globex() -> Workspace:
    """Globex, which spent and bought: its figures must never show in Acme."""
    globex = onboarding.create_workspace(name="Globex", slug="globex", owner=make_user())
    moves.grant(globex.account, 4_321)
    moves.charge(globex.account, 5, "Globex's own reply")
    return globex


@pytest.fixture
def account(acme: Workspace) -> Account:
    return acme.account


@pytest.fixture
def viewer(acme: Workspace) -> Client:
    return browser_of(add_member(acme, Role.VIEWER).user)


@pytest.fixture
def admin(acme: Workspace) -> Client:
    return browser_of(add_member(acme, Role.ADMIN).user)


def text_of(client: Client, address: str = "/w/acme/credits/") -> str:
    """The page's words, its tags left out."""
    response = client.get(address)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def figures(text: str) -> list[str]:
    pattern = (
        r"Monthly allotment (\S+) .* Credits used \(30d\) (\S+) .* Held now (\S+) .* Credits remaining (\S+)"
    )
    found = re.search(pattern, text)
    assert found, text
    return list(found.groups())


def test_figures_of_a_new_workspace(viewer: Client) -> None:
    assert figures(text_of(viewer)) == ["100", "0", "0", "100"]


def test_figures_after_a_charge_a_hold_and_a_grant(
    viewer: Client, account: Account, globex: Workspace
) -> None:
    moves.grant(account, 12_000)
    moves.charge(account, 5)
    moves.hold(account, 4)

    assert figures(text_of(viewer)) == ["100", "5", "4", "12,091"]


def test_neighbours_lines_are_not_shown(viewer: Client, globex: Workspace) -> None:
    page = text_of(viewer)

    assert "Globex" not in page
    assert "4,321" not in page


@pytest.mark.parametrize("role", list(Role))
def test_every_member_sees_the_page(acme: Workspace, role: Role) -> None:
    client = browser_of(add_member(acme, role).user)

    assert client.get("/w/acme/credits/").status_code == 200


def test_stranger_gets_404(acme: Workspace, globex: Workspace) -> None:
    gina = browser_of(globex.memberships.get().user)

    assert gina.get("/w/acme/credits/").status_code == 404
    assert gina.get("/w/acme/credits/ledger.csv").status_code == 404


def test_nobody_is_sent_to_sign_in(acme: Workspace) -> None:
    response = Client().get("/w/acme/credits/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", ["/w/acme/credits/", "/w/acme/credits/ledger.csv"])
def test_page_takes_no_post(admin: Client, address: str) -> None:
    assert admin.post(address).status_code == 405


def test_charge_links_to_its_receipt(viewer: Client, account: Account) -> None:
    charge = moves.charge(account, 5)

    page = viewer.get("/w/acme/credits/").content.decode()

    assert f'href="/w/acme/replies/{charge.reply_id}/"' in page


def test_reversal_links_to_the_same_receipt(viewer: Client, account: Account) -> None:
    charge = moves.charge(account, 5)
    ledger.reverse(charge, actor=None, reason="Wrong answer")

    page = viewer.get("/w/acme/credits/").content.decode()

    assert page.count(f'href="/w/acme/replies/{charge.reply_id}/"') == 2
    assert "Wrong answer" in page


def test_reason_is_text_and_not_markup(viewer: Client, account: Account) -> None:
    moves.charge(account, 1, "<script>alert(1)</script>")

    page = viewer.get("/w/acme/credits/").content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_price_list_is_the_catalogue(viewer: Client) -> None:
    page = text_of(viewer)

    assert "GPT-6 Luna 1 credit " in page
    assert "Claude Sonnet 5.5 4 credits" in page
    # Its listed price is never charged.
    assert "Bookbag Local free" in page


def test_empty_balance_says_what_still_works(viewer: Client, admin: Client, account: Account) -> None:
    assert "No credits remain" not in text_of(viewer)
    moves.charge(account, 100)

    assert "No credits remain" in text_of(viewer)
    assert "/w/acme/settings/llm/" not in viewer.get("/w/acme/credits/").content.decode()
    assert "/w/acme/settings/llm/" in admin.get("/w/acme/credits/").content.decode()


def test_unmetered_installation_says_so(viewer: Client, settings: LazySettings) -> None:
    settings.METERING_ENABLED = False

    assert "Nothing is metered" in text_of(viewer)


def test_agreed_allotment_is_not_a_zero() -> None:
    owner = make_user()
    onboarding.create_workspace(name="Initech", slug="initech", owner=owner, plan="enterprise")

    page = text_of(browser_of(owner), "/w/initech/credits/")

    assert figures(page)[0] == "–"
    assert "as agreed with you" in page


@pytest.mark.parametrize(
    ("plan", "note"), [("pro", "40,000 on {day}"), ("enterprise", "as agreed with you from {day} on")]
)
def test_new_plan_is_not_said_to_have_given_this_months_allotment(
    viewer: Client, account: Account, plan: str, note: str
) -> None:
    account = ledger.change_plan(account, plan=Plan.objects.get(slug=plan))

    page = text_of(viewer)

    assert figures(page)[0] == "100"
    assert note.format(day=f"{account.next_event_at:%-d %B}") in page
    assert "as agreed" in page or "next on" not in page


def test_looking_at_the_page_of_a_downgraded_workspace_moves_no_credits(account: Account) -> None:
    owner = make_user()
    workspace = onboarding.create_workspace(name="Initech", slug="initech", owner=owner, plan="hobby")
    ledger.change_plan(workspace.account, plan=Plan.objects.get(slug="free"))

    page = text_of(browser_of(owner), "/w/initech/credits/")

    assert figures(page) == ["2,000", "0", "0", "2,000"]
    assert "100 on " in page
    assert workspace.account.transfers.count() == 1


def test_page_brings_an_overdue_account_up_to_date(viewer: Client, account: Account) -> None:
    moves.grant(account, 50, expires_at=timezone.now() - timedelta(seconds=1))

    assert figures(text_of(viewer)) == ["100", "0", "0", "100"]


def spend(account: Account, times: int) -> None:
    for _ in range(times):
        moves.charge(account, 1)


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/w/acme/credits/").status_code == 200
    return len(captured)


def test_queries_do_not_grow_with_the_ledger(viewer: Client, account: Account) -> None:
    moves.grant(account, 1_000)
    spend(account, 1)
    at_one = queries_of(viewer)
    spend(account, 49)
    at_fifty = queries_of(viewer)
    spend(account, 60)

    assert at_one == at_fifty == queries_of(viewer)
    assert at_one <= 14


def rows(page: str) -> list[str]:
    return re.findall(r'<td class="num[^"]*">([^<]+)</td>\s*</tr>', page[page.index('id="ledger-heading"') :])


def test_ledger_is_read_fifty_lines_at_a_time(viewer: Client, account: Account) -> None:
    spend(account, 60)

    first = viewer.get("/w/acme/credits/").content.decode()
    older = re.search(r'rel="next" href="(\?before=[^"#]+)#', first)
    assert older
    second = viewer.get(f"/w/acme/credits/{older[1]}").content.decode()

    assert rows(first) == ["−1"] * 50
    assert rows(second) == ["−1"] * 10 + ["100"]
    assert 'rel="next"' not in second
    assert ">Newest</a>" in second


def test_full_last_page_offers_no_further_one(viewer: Client, account: Account) -> None:
    spend(account, 49)

    page = viewer.get("/w/acme/credits/").content.decode()

    assert len(rows(page)) == 50
    assert 'rel="next"' not in page


def test_page_before_the_first_line_is_empty_but_whole(viewer: Client) -> None:
    first = Transfer.objects.earliest("id")
    mark = statement.StatementPage([], first.pk).older_mark

    assert "No lines before this one" in text_of(viewer, f"/w/acme/credits/?before={mark}")


def test_mark_of_another_log_is_no_place_in_the_ledger(viewer: Client) -> None:
    mark = page_marks.mark(1, log=audit.LOG)

    assert viewer.get("/w/acme/credits/", {"before": mark}).status_code == 400


@pytest.mark.parametrize("before", ["x", "-1", "", "1", "9" * 19, "%00", "²", "A" * 120, "A" * 9_000])
def test_page_number_of_nonsense_is_a_bad_request(viewer: Client, before: str) -> None:
    assert viewer.get("/w/acme/credits/", {"before": before}).status_code == 400


# --- Export -------------------------------------------------------------------------------------


def exported(client: Client) -> list[dict[str, Any]]:
    response = client.get("/w/acme/credits/ledger.csv")
    assert response.status_code == 200
    return list(csv.DictReader(b"".join(response).decode().splitlines()))


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
class TestExport:
    def test_every_line_is_in_it_newest_first(
        self, admin: Client, account: Account, globex: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("billing.statement.EXPORT_ROWS", 4)
        spend(account, 10)

        lines = exported(admin)

        assert [line["credits"] for line in lines] == ["-1"] * 10 + ["100"]
        assert [line["kind"] for line in lines] == ["Reply"] * 10 + ["Monthly allotment"]

    def test_lines_come_to_the_balance(self, admin: Client, account: Account) -> None:
        ledger.reverse(moves.charge(account, 7), actor=None, reason="r", amount=3)

        assert sum(int(line["credits"]) for line in exported(admin)) == 96

    @pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@x", " =1", "\t=1"])
    def test_formula_in_a_reason_stays_text(self, admin: Client, account: Account, reason: str) -> None:
        charge = moves.charge(account, 1, reason)

        line = exported(admin)[0]

        assert line["reason"] == f"'{reason}"
        assert line["reply"] == str(charge.reply_id)

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
    def test_smaller_roles_are_refused_and_not_offered(self, acme: Workspace, role: Role) -> None:
        client = browser_of(add_member(acme, role).user)

        assert client.get("/w/acme/credits/ledger.csv").status_code == 403
        assert "ledger.csv" not in client.get("/w/acme/credits/").content.decode()

    def test_admins_are_offered_it(self, admin: Client) -> None:
        assert "/w/acme/credits/ledger.csv" in admin.get("/w/acme/credits/").content.decode()

    def test_file_is_a_download_that_no_one_keeps(self, admin: Client) -> None:
        response = admin.get("/w/acme/credits/ledger.csv")

        assert response["Content-Disposition"] == 'attachment; filename="ledger-acme.csv"'
        assert response["Cache-Control"] == "no-store"
