"""Notices: each once, to whom it concerns, on one page and by mail unless somebody says no."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from agents import credits_low
from agents.running import database, duties
from billing import ledger
from billing.models import Account, Plan
from llm import byo, health, keys
from llm.providers.base import Fault
from llm.vault import Secret
from tests.billing import moves
from tests.factories import browser_of, make_user
from tests.harness.cast import Cast, make_agent
from tests.test_access_table import make_reply
from workspaces import inbox, invitations, limits_reached
from workspaces.models import Notice, Role, User

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/account/notices/"
SECRET = "sk-ACMESOWNKEYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5aVu9eX"


def told(user: User) -> list[str]:
    return list(user.notices.order_by("pk").values_list("kind", flat=True))


def mailed() -> list[str]:
    return sorted(address for message in mail.outbox for address in message.to)


def say_no(user: User, kind: str) -> None:
    wanted = [one for one in Notice.Kind.values if one != kind]
    assert browser_of(user).post(PAGE, {"mailed": wanted}).status_code == 302


def test_larger_plan_from_next_month_on_makes_no_credits_low(cast: Cast) -> None:
    ledger.change_plan(cast.acme.account, plan=Plan.objects.get(slug="pro"))

    credits_low.tell()

    assert told(cast.olivia) == []


def test_credits_low_of_a_plan_that_was_left_are_told_by_what_it_gave(cast: Cast) -> None:
    account = ledger.change_plan(cast.acme.account, plan=Plan.objects.get(slug="enterprise"))
    moves.charge(account, ledger.balance(cast.acme).available - 9)

    credits_low.tell()

    assert told(cast.olivia) == ["credits_low"]


def test_low_credits_are_told_once_and_used_up_ones_once_more(cast: Cast) -> None:
    account = cast.acme.account
    credits_low.tell()
    assert told(cast.olivia) == []
    moves.charge(account, ledger.balance(cast.acme).available - 9)
    for _ in range(3):
        credits_low.tell()
    assert told(cast.olivia) == ["credits_low"]
    moves.charge(account, 9)
    for _ in range(3):
        credits_low.tell()

    assert told(cast.olivia) == told(cast.adam) == ["credits_low", "credits_out"]
    assert told(cast.edith) == told(cast.gina) == []
    assert mailed() == sorted([cast.adam.email, cast.olivia.email] * 2)


def test_rejected_key_is_noted_and_not_mailed_to_whom_says_no(cast: Cast) -> None:
    say_no(cast.adam, "key_rejected")
    row = keys.replace(cast.acme, provider="openai", secret=Secret(SECRET), by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    for _ in range(3):
        keys.note_result(row.pk, fault=Fault.REJECTED)
        health._noted.clear()

    assert told(cast.adam) == told(cast.olivia) == ["key_rejected"]
    assert mailed() == [cast.olivia.email]
    page = browser_of(cast.adam).get(PAGE).content.decode()
    assert "OpenAI rejected" in page
    assert "/w/acme/settings/llm/" in page
    assert SECRET not in page


def test_admins_hear_of_whoever_joins_and_the_joiner_does_not(cast: Cast) -> None:
    newcomer = make_user("new@acme.test")
    Account.objects.filter(workspace=cast.acme).update(plan=Plan.objects.get(name="Pro"))
    owner = cast.acme.memberships.get(user=cast.olivia)
    invitation = invitations.invite(["later@acme.test"], role=Role.VIEWER, by=owner, seats=None)[0].invitation
    assert invitation is not None
    later = make_user("later@acme.test")
    token = invitations.token_of(invitation)
    browser_of(later).post(f"/invitations/{token}/")

    assert told(cast.olivia) == told(cast.adam) == ["member_joined"]
    assert told(later) == told(newcomer) == told(cast.edith) == []
    assert (
        "later@acme.test has joined Acme as a viewer." in browser_of(cast.olivia).get(PAGE).content.decode()
    )


def test_new_owner_finds_it_among_their_notices(cast: Cast) -> None:
    adam = cast.acme.memberships.get(user=cast.adam)
    browser_of(cast.olivia).post(reverse("workspaces:transfer", args=["acme", adam.code]))

    assert told(cast.adam) == ["ownership"]
    assert told(cast.olivia) == []


def test_page_of_more_notices_than_it_shows_says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SHOWN", 2)
    for number in range(3):
        inbox.note(
            [cast.adam], inbox.Kind.CREDITS_LOW, workspace=cast.acme, once=f"{number}", text="Low.", link="/"
        )
        page = " ".join(browser_of(cast.adam).get(PAGE).content.decode().split())
        assert ("The newest 2 of 3 are shown" in page) == (number == 2)


def test_notice_is_given_once_and_hostile_text_stays_text(cast: Cast) -> None:
    for _ in range(2):
        inbox.tell(
            [cast.olivia],
            inbox.Kind.CREDITS_LOW,
            workspace=cast.acme,
            once="x",
            text="<script>alert(1)</script>\r\nBcc: eve@evil.test " + "x" * 400,
            link="/",
        )

    assert told(cast.olivia) == ["credits_low"]
    assert len(mail.outbox) == 1
    assert "\n" not in mail.outbox[0].subject
    assert "<script>alert" not in browser_of(cast.olivia).get(PAGE).content.decode()


def test_choice_that_is_none_changes_nothing(cast: Cast) -> None:
    say_no(cast.adam, "credits_out")
    answer = browser_of(cast.adam).post(PAGE, {"mailed": ["everything"]})
    cast.adam.refresh_from_db()

    assert answer.status_code == 200
    assert cast.adam.unmailed_notices == "credits_out"


def test_page_shows_nobody_elses(cast: Cast) -> None:
    inbox.note([cast.gina], inbox.Kind.CREDITS_LOW, workspace=cast.globex, once="x", text="Gina's", link="/")

    assert "Gina" not in browser_of(cast.olivia).get(PAGE).content.decode()


# --- Limits ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    limits_reached._reached.clear()


def limited(cast: Cast, **limits: int) -> None:
    plan = Plan.objects.create(slug="small", name="Small", monthly_credits=10, **limits)
    Account.objects.filter(workspace=cast.acme).update(plan=plan)


def latest(user: User) -> str:
    return str(user.notices.order_by("-pk").values_list("text", flat=True)[0])


def test_seats_that_are_used_up_are_told_once(cast: Cast) -> None:
    limited(cast, seat_limit=4)
    for address in ("one@acme.test", "two@acme.test"):
        browser_of(cast.adam).post("/w/acme/members/invite/", {"emails": address, "role": "viewer"})
        limits_reached.tell()

    assert told(cast.olivia) == told(cast.adam) == ["limit_reached"]
    assert told(cast.edith) == told(cast.gina) == []
    assert "Acme uses all the seats of its plan (4)" in latest(cast.olivia)
    assert mailed() == sorted([cast.adam.email, cast.olivia.email])


def test_agents_and_sources_of_the_plan_are_told(cast: Cast) -> None:
    agent = make_agent(cast.acme)
    limited(cast, agent_limit=1, source_limit=0)
    fields = {
        "name": "Two", "instructions": "", "chat_model": str(agent.chat_model_id), "fallback_text": "No.", "status": "active"
    }  # fmt: skip
    browser_of(cast.edith).post("/w/acme/agents/new/", fields)
    path = reverse("agents:add_text", args=["acme", agent.pk])
    browser_of(cast.edith).post(path, {"title": "Hours", "text": "We open at nine."})
    assert limits_reached.tell() == 2

    assert told(cast.olivia) == ["limit_reached"] * 2
    assert f"no room for another source of the agent {agent.name} in Acme (it allows 0)" in latest(
        cast.olivia
    )
    assert told(cast.edith) == []


def test_rate_of_replies_is_told_once_a_day_and_by_mail_by_choice(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REPLIES_PER_MINUTE = 1
    say_no(cast.adam, "limit_reached")
    agent = make_agent(cast.acme)
    make_reply(agent, cast.edith)
    path = reverse("agents:send_message", args=["acme", agent.pk])
    for day in (1, 1, 2):
        fields = {"text": "Hello", "idempotency_key": uuid4().hex}
        assert (
            browser_of(cast.edith).post(path, fields, headers={"Accept": "application/json"}).status_code
            == 429
        )
        then = timezone.now() + timedelta(days=day)
        monkeypatch.setattr("workspaces.limits_reached.timezone.now", lambda then=then: then)
        limits_reached.tell()
        monkeypatch.undo()
    async_to_sync(database.close)()

    assert told(cast.adam) == ["limit_reached"] * 2
    assert (
        latest(cast.adam) == "A member of Acme has asked for more replies than 1 a minute, and was held back."
    )
    assert mailed() == [cast.olivia.email] * 2


def test_limit_is_told_by_the_servers_duties(cast: Cast) -> None:
    limits_reached.note(cast.acme.pk, "seats", 3)
    # Of a workspace that is gone by now: nobody is left to be told.
    limits_reached.note(999_999, "seats", 3)
    duties.take_round()

    assert told(cast.olivia) == ["limit_reached"]


def test_refusals_without_end_fill_no_memory() -> None:
    for most in range(2_000):
        limits_reached.note(1, "seats", most)

    assert len(limits_reached._reached) == limits_reached.MOST_KEPT
