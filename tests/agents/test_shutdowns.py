"""Mails about chat models that leave: to whom, when, once each; and what operators see of them."""

import datetime as dt
import smtplib
from io import StringIO

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command

from agents import shutdowns
from agents.models import Agent
from llm import byo, keys, notices, outlook
from llm.models import ChatModel, ListedModel, ShutdownNotice
from llm.vault import Secret
from tests.factories import queries_of
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, platform_key
from tests.harness.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("last_days_as_published")]

LAST = dt.date(2027, 1, 14)


def before(days: int) -> dt.date:
    return LAST - dt.timedelta(days)


def listed(workspace, day: dt.date | None, *, model_id: str = "gpt-4o", lifecycle: str = "") -> None:
    """What the account behind the active OpenAI key says of a model."""
    row = keys.active(workspace, "openai")
    assert row is not None
    ListedModel.objects.update_or_create(
        provider_key=row, model_id=model_id, defaults={"shuts_down_on": day, "lifecycle": lifecycle}
    )


# --- Mails ---------------------------------------------------------------------------------------


def test_admins_and_owners_are_told_what_leaves_when_and_where_to_go(
    cast: Cast, mailoutbox, settings
) -> None:
    settings.SITE_URL = "https://bookbag.example"
    make_agent(cast.acme, "gpt-4o", name="Front desk")
    make_agent(cast.acme, "gpt-4o", name="Night shift")
    make_agent(cast.acme, "gpt-6-luna", name="Unconcerned")

    assert shutdowns.tell(before(60)) == 1

    assert sorted(mail.to[0] for mail in mailoutbox) == [cast.adam.email, cast.olivia.email]
    mail = mailoutbox[0]
    assert mail.subject == "GPT-4o shuts down 14 Jan 2027: agents of Acme run on it"
    assert "OpenAI shuts GPT-4o down on 14 January 2027, in 60 days." in mail.body
    assert "  Front desk\n  Night shift\n" in mail.body
    assert "Unconcerned" not in mail.body
    assert "GPT-6 Luna as the model to use instead" in mail.body
    code = ChatModel.objects.get(model_id="gpt-4o").code
    assert f"https://bookbag.example/w/acme/agents/change-models/?from={code}\n" in mail.body


def test_each_stage_is_written_once_and_at_its_day(cast: Cast, mailoutbox) -> None:
    make_agent(cast.acme, "gpt-4o")
    sent = {days: shutdowns.tell(before(days)) for days in range(65, -5, -1)}

    assert [days for days, notices_sent in sent.items() if notices_sent] == [60, 30, 7, 0]
    assert len(mailoutbox) == 4 * 2
    assert mailoutbox[-1].subject == "GPT-4o was shut down on 14 Jan 2027: agents of Acme run on it"
    assert "cannot reply until they run on another model" in mailoutbox[-1].body


@pytest.mark.parametrize(("days", "stage"), [(59, 60), (30, 30), (20, 30), (3, 7), (0, 0), (-40, 0)])
def test_who_begins_late_is_written_to_about_the_nearest_stage_alone(
    cast: Cast, mailoutbox, days: int, stage: int
) -> None:
    make_agent(cast.acme, "gpt-4o")

    assert [shutdowns.tell(before(days)) for _ in range(2)] == [1, 0]

    assert ShutdownNotice.objects.get().days_before == stage
    assert len(mailoutbox) == 2


def test_another_last_day_begins_anew(cast: Cast, mailoutbox) -> None:
    make_agent(cast.acme, "gpt-4o")
    platform_key("openai")
    shutdowns.tell(before(30))
    listed(None, dt.date(2027, 3, 1))

    assert shutdowns.tell(before(30)) == 0  # 76 days are left now
    assert shutdowns.tell(dt.date(2027, 1, 30)) == 1
    assert mailoutbox[-1].subject.startswith("GPT-4o shuts down 1 Mar 2027")


def test_agents_that_do_not_run_are_no_reason_to_write(cast: Cast, mailoutbox) -> None:
    make_agent(cast.acme, "gpt-4o")
    for status in ("draft", "archived"):
        Agent.objects.update(status=status)
        assert shutdowns.tell(before(7)) == 0
    assert mailoutbox == []


def test_the_account_that_would_run_it_decides(cast: Cast, mailoutbox) -> None:
    """Acme brings its own key, whose account keeps the model longer; Globex runs on the platform's."""
    make_agent(cast.acme, "gpt-4o")
    make_agent(cast.globex, "gpt-4o")
    keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]), by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    listed(cast.acme, dt.date(2027, 6, 1))
    platform_key("openai")
    listed(None, LAST)

    assert shutdowns.tell(before(7)) == 1
    assert [mail.to for mail in mailoutbox] == [[cast.gina.email]]


def test_a_custom_model_is_told_of_too(cast: Cast, mailoutbox) -> None:
    """No catalogue holds its day: the published list does."""
    custom = byo.add_model(cast.acme, provider="openai", model_id="gpt-5.1", name="Five one", by=cast.adam)
    Agent.objects.create(workspace=cast.acme, name="Guide", chat_model=custom)

    assert shutdowns.tell(dt.date(2027, 3, 28)) == 1
    assert mailoutbox[0].subject == "Five one shuts down 1 Apr 2027: agents of Acme run on it"


def test_a_mail_server_that_is_down_is_tried_again(cast: Cast, mailoutbox, monkeypatch) -> None:
    make_agent(cast.acme, "gpt-4o")
    make_agent(cast.globex, "gpt-4o")
    tried = []

    def down(mail: EmailMessage) -> int:
        tried.append(mail.to)
        raise smtplib.SMTPServerDisconnected

    with monkeypatch.context() as broken:
        broken.setattr(notices.EmailMessage, "send", down)
        assert shutdowns.tell(before(7)) == 0
    assert len(tried) == 1  # nobody waits for a dead server twice in a round

    assert shutdowns.tell(before(7)) == 2
    assert len(mailoutbox) == 3


def test_an_address_that_is_refused_keeps_nobody_else_from_theirs(
    cast: Cast, mailoutbox, monkeypatch
) -> None:
    make_agent(cast.acme, "gpt-4o")
    send = EmailMessage.send

    def picky(mail: EmailMessage) -> int:
        if mail.to == [cast.adam.email]:
            raise smtplib.SMTPRecipientsRefused({cast.adam.email: (550, b"no such mailbox")})
        return send(mail)

    monkeypatch.setattr(notices.EmailMessage, "send", picky)

    assert [shutdowns.tell(before(7)) for _ in range(2)] == [1, 0]
    assert [mail.to for mail in mailoutbox] == [[cast.olivia.email]]


def test_a_name_with_a_line_break_makes_no_header(cast: Cast, mailoutbox) -> None:
    custom = ChatModel.objects.create(
        workspace=cast.acme, name="Ours\nBcc: all@example.test", provider="openai", model_id="gpt-5.1"
    )
    Agent.objects.create(workspace=cast.acme, name="Guide", chat_model=custom)

    assert shutdowns.tell(dt.date(2027, 3, 28)) == 1
    assert mailoutbox[0].subject.startswith("Ours Bcc: all@example.test shuts down")


def test_the_command_takes_a_day(cast: Cast, mailoutbox) -> None:
    make_agent(cast.acme, "gpt-4o")
    out = StringIO()
    call_command("tell_of_shutdowns", "--today", "2027-01-07", stdout=out)

    assert out.getvalue() == "Notices mailed: 1.\n"
    assert "in 7 days" in mailoutbox[0].body


@pytest.mark.django_db(transaction=True)
def test_two_processes_at_once_write_each_mail_once(cast: Cast, mailoutbox) -> None:
    for workspace in (cast.acme, cast.globex):
        for model_id in ("gpt-4o", "gpt-4o-mini"):
            make_agent(workspace, model_id)

    ended = at_once(*[lambda: shutdowns.tell(before(30))] * 4)

    assert [one for one in ended if isinstance(one, Exception)] == []
    assert sum(ended) == 4
    assert ShutdownNotice.objects.count() == 4
    told = sorted((mail.to[0], mail.subject.partition(" shuts")[0]) for mail in mailoutbox)
    assert told == sorted(
        (person.email, name)
        for person in (cast.olivia, cast.adam, cast.gina)
        for name in ("GPT-4o", "GPT-4o mini")
    )


def test_many_workspaces_are_looked_at_in_few_queries(
    cast: Cast, mailoutbox, django_assert_num_queries
) -> None:
    for number in range(20):
        make_agent(cast.acme if number % 2 else cast.globex, "gpt-4o", name=f"Agent {number}")
    shutdowns.tell(before(7))

    with django_assert_num_queries(5):
        shutdowns.tell(before(7))


# --- Operators -----------------------------------------------------------------------------------


def test_operators_see_what_leaves_and_how_many_run_on_it(cast: Cast, client, monkeypatch) -> None:
    monkeypatch.setattr(outlook, "today", lambda: before(50))
    for workspace, times in ((cast.acme, 2), (cast.globex, 1)):
        for number in range(times):
            make_agent(workspace, "gpt-4o", name=f"Agent {number}")
    archived = make_agent(cast.acme, "gpt-4o-mini", name="Put away")
    Agent.objects.filter(pk=archived.pk).update(status="archived")
    client.force_login(cast.oscar)

    [mini, big] = client.get("/admin/").context["leaving"]

    assert (str(big.chat_model), big.last_day) == ("GPT-4o", "shuts down 14 Jan 2027 · use GPT-6 Luna")
    assert (big.agents, big.workspaces) == (3, 2)
    assert (str(mini.chat_model), mini.agents, mini.workspaces) == ("GPT-4o mini", 0, 0)


def test_operators_see_nothing_of_it_long_before_and_only_use_after(cast: Cast) -> None:
    make_agent(cast.acme, "gpt-4o")

    assert shutdowns.catalogue(before(61)) == []
    assert [str(one.chat_model) for one in shutdowns.catalogue(before(-1))] == ["GPT-4o"]


def test_the_front_page_costs_the_same_for_many_agents(cast: Cast, client, monkeypatch) -> None:
    monkeypatch.setattr(outlook, "today", lambda: before(50))
    client.force_login(cast.oscar)
    client.get("/admin/")
    make_agent(cast.acme, "gpt-4o")
    one = queries_of(client, "/admin/")
    for number in range(10):
        make_agent(cast.globex, "gpt-4o", name=f"Agent {number}")

    assert queries_of(client, "/admin/") == one
