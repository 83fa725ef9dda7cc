"""The LLM settings page: who may see it, what it says, and what its acts do."""

import time
import uuid
from datetime import date, timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, Reply
from billing.models import Account, Plan
from llm import byo, health, keys, outlook, vault
from llm.models import ChatModel, LLMSettings, ProviderKey
from llm.vault import Secret
from tests.harness.cast import make_agent
from tests.llm.rows import the_key
from workspaces.models import AuditEvent, User

Health = ProviderKey.Health
PASTED = "sk-proj-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
PAGE = "/w/acme/settings/llm/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_process():
    health._noted.clear()


@pytest.fixture
def adam(cast, client):
    client.force_login(cast.adam)
    return client


def put(cast, plaintext=PASTED, *, provider="openai", found=Health.VALID):
    return keys.replace(cast.acme, provider=provider, secret=Secret(plaintext), by=cast.adam, found=found)


def put_platform_keys(cast):
    for provider, prefix in (("openai", "sk-"), ("anthropic", "sk-ant-")):
        keys.replace(None, provider=provider, secret=Secret(prefix + "platform" * 4), by=cast.oscar)


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


ACTS = ["", "keys/openai/", "keys/openai/delete/", "keys/openai/verify/", "keys/openai/restore/",
        "keys/openai/region/", "keys/openai/models/", "keys/openai/models/refresh/", "byo/", "models/",
        "models/00000000-0000-0000-0000-000000000001/remove/"]  # fmt: skip


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("person", "status"), [("edith", 403), ("victor", 403), ("gina", 404), ("stranger", 404), ("oscar", 404)]
)
def test_nobody_below_admin_sees_or_does_anything(cast, client, act, person, status):
    client.force_login(getattr(cast, person))
    for answer in (client.get(PAGE + act), client.post(PAGE + act, {"secret": PASTED, "byo_enabled": "on"})):
        assert answer.status_code in (status, 405)
    assert client.post(PAGE + act, {"secret": PASTED}).status_code == status or act in (
        "",
        "keys/openai/models/",
    )
    assert (keys.active(cast.acme, "openai"), LLMSettings.objects.filter(workspace=cast.acme).exists()) == (
        None,
        False,
    )


@pytest.mark.parametrize("act", ACTS)
def test_who_is_not_signed_in_is_sent_to_do_so(cast, client, act):
    answer = client.post(PAGE + act)
    assert answer.status_code in (302, 405)


@pytest.mark.parametrize("person", ["adam", "olivia"])
def test_admins_and_owners_see_the_page(cast, client, person):
    client.force_login(getattr(cast, person))
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize(
    "act",
    ["keys/openai/", "keys/openai/verify/", "keys/openai/restore/", "keys/openai/region/", "byo/", "models/"],
)
def test_acts_are_posted(adam, act):
    assert adam.get(PAGE + act).status_code == 405


@pytest.mark.parametrize("provider", ["local", "parrot", "OPENAI", "openai2"])
def test_another_provider_is_no_page(adam, provider):
    assert adam.post(f"{PAGE}keys/{provider}/", {"secret": PASTED}).status_code == 404


def test_acts_need_the_token(cast):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.adam)
    assert client.post(PAGE + "keys/openai/", {"secret": PASTED}).status_code == 403


# --- Queries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("agents", [1, 50])
def test_the_page_takes_at_most_12_queries(cast, adam, django_assert_max_num_queries, agents):
    for number in range(agents):
        make_agent(
            cast.acme, ["gpt-4o-mini", "gpt-4o", "", "claude-sonnet-4-6"][number % 4], name=f"Agent {number}"
        )
    put(cast), put(cast, PASTED + "2")
    put_platform_keys(cast)
    byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    with django_assert_max_num_queries(12):
        page = adam.get(PAGE).content.decode()
    assert page.count("<tr") == agents + 1


def test_the_page_opens_no_key(cast, adam, monkeypatch):
    put(cast)
    monkeypatch.setattr(vault, "_unwrap", lambda *args: pytest.fail("opened"))
    assert "sk-…3hG5" in adam.get(PAGE).content.decode()


# --- Keys --------------------------------------------------------------------------------------


def test_a_card_says_at_which_address_its_key_is_checked_when_it_is_not_the_providers(adam, settings):
    own = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
    settings.PROVIDER_BASE_URLS = own
    assert "another address" not in adam.get(PAGE).content.decode()
    settings.PROVIDER_BASE_URLS = own | {"openai": "http://gateway.internal:4000/v1"}
    page = " ".join(adam.get(PAGE).content.decode().split())
    assert page.count("another address") == 1
    assert "another address than OpenAI's own" in page
    assert '<span class="mono">gateway.internal:4000</span>' in page


def test_a_pasted_key_is_saved_and_shown_as_a_mask(cast, adam, provider_double):
    page = adam.post(PAGE + "keys/openai/", {"secret": f"  {PASTED}\n"}, follow=True)
    assert page.redirect_chain == [(PAGE, 302)]
    assert said(page) == "OpenAI key sk-…3hG5 saved. OpenAI accepts it."
    text = page.content.decode()
    assert "sk-…3hG5" in text
    assert not any(PASTED[i : i + 9] in text for i in range(len(PASTED) - 9))
    assert keys.open_row(the_key(cast.acme), purpose="test").reveal() == PASTED


def test_a_saved_key_is_audited_with_person_and_address(cast, adam, provider_double):
    adam.post(PAGE + "keys/openai/", {"secret": PASTED}, REMOTE_ADDR="192.0.2.7")
    event = AuditEvent.objects.get(workspace=cast.acme, action="provider_key.added")
    assert (event.actor, event.address, event.data["after"]) == (cast.adam, "192.0.2.7", "sk-…3hG5")


@pytest.mark.parametrize(
    "text", ["", "sk-…3hG5", "sk-ant-api03-PaStEdKeYxQ7vJ2mNw8", f"{PASTED} {PASTED}", "x" * 10_000]
)
def test_an_unlikely_key_comes_back_as_an_error_without_its_text(cast, adam, text):
    page = adam.post(PAGE + "keys/openai/", {"secret": text})
    body = page.content.decode()
    assert page.status_code == 200
    assert 'id="openai_secret_error"' in body
    assert keys.active(cast.acme, "openai") is None
    assert "PaStEdKeY" not in body
    assert "xxxxxxxx" not in body


def test_a_rejected_key_can_be_kept_out(cast, adam, provider_double):
    before = put(cast)
    page = adam.post(PAGE + "keys/openai/", {"secret": "sk-bad-" + "a" * 30, "only_if_accepted": "on"})
    assert "OpenAI rejects this key, so it was not saved." in page.content.decode()
    assert keys.active(cast.acme, "openai") == before


def test_a_rejected_key_can_be_saved_anyway_and_is_marked(cast, adam, provider_double):
    page = adam.post(PAGE + "keys/openai/", {"secret": "sk-bad-" + "a" * 30}, follow=True)
    assert "OpenAI rejects it" in said(page)
    assert the_key(cast.acme).health == Health.REJECTED


def test_a_key_that_could_not_be_checked_is_saved_and_marked(cast, adam):
    page = adam.post(PAGE + "keys/openai/", {"secret": PASTED, "only_if_accepted": "on"}, follow=True)
    assert "could not be reached" in said(page)
    assert the_key(cast.acme).health == Health.UNREACHABLE


def test_a_wrong_kek_stops_the_saving_and_nothing_else(cast, adam, settings):
    put(cast)
    settings.VAULT_KEYS = [(settings.VAULT_KEYS[0][0], vault.new_kek())]
    page = adam.post(PAGE + "keys/openai/", {"secret": PASTED}, follow=True)
    assert (page.status_code, "nothing was changed" in said(page)) == (200, True)


def test_a_key_under_an_absent_kek_is_shown_as_unreadable(cast, adam, settings):
    put(cast)
    settings.VAULT_KEYS = [("another", vault.new_kek())]
    page = adam.get(PAGE).content.decode()
    assert 'health--unreadable">Unreadable' in page
    assert "Enter it again." in page


def test_verify_says_what_the_provider_says(cast, adam, provider_double):
    put(cast)
    provider_double.revoke(PASTED)
    page = adam.post(PAGE + "keys/openai/verify/", follow=True)
    assert said(page) == (
        "OpenAI key sk-…3hG5 checked. OpenAI rejects it: replies on it will fail. "
        "Replace it, or repair it in your OpenAI account and choose Verify."
    )
    assert 'health--rejected">Rejected' in page.content.decode()


def test_delete_says_what_will_stop_and_then_deletes(cast, adam):
    put(cast)
    make_agent(cast.acme, "gpt-4o", name="Night shift")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    asked = adam.get(PAGE + "keys/openai/delete/").content.decode()
    assert "<li>Night shift</li>" in asked
    page = adam.post(PAGE + "keys/openai/delete/", follow=True)
    assert "sk-…3hG5 deleted" in said(page)
    assert keys.active(cast.acme, "openai") is None


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("delete", "no OpenAI key to delete"),
        ("verify", "no OpenAI key to verify"),
        ("restore", "no earlier OpenAI key"),
    ],
)
def test_an_act_without_a_key_says_so(adam, act, words):
    assert words in said(adam.post(f"{PAGE}keys/openai/{act}/", follow=True))


def test_the_key_before_is_restored_with_one_act(cast, adam):
    put(cast), put(cast, "sk-" + "n" * 30)
    assert "Restore sk-…3hG5" in adam.get(PAGE).content.decode()
    page = adam.post(PAGE + "keys/openai/restore/", follow=True)
    assert said(page) == "OpenAI key sk-…3hG5 is in use again."


def test_an_old_key_is_pointed_out(cast, adam, settings):
    settings.PROVIDER_KEY_MAX_AGE_DAYS = 90
    row = put(cast)
    ProviderKey.objects.filter(pk=row.pk).update(added_at=timezone.now() - timedelta(days=91))
    assert "This key is 91 days old." in adam.get(PAGE).content.decode()


# --- The switch and what it breaks -------------------------------------------------------------


def test_the_switch_goes_on_and_off(cast, adam):
    page = adam.post(PAGE + "byo/", {"byo_enabled": "on"}, follow=True)
    assert ("is on" in said(page), byo.settings_of(cast.acme).byo_enabled) == (True, True)
    adam.post(PAGE + "byo/")
    assert byo.settings_of(cast.acme).byo_enabled is False


@pytest.mark.parametrize("value", ["off", "true", "1", ""])
def test_only_on_is_on(cast, adam, value):
    adam.post(PAGE + "byo/", {"byo_enabled": value})
    assert byo.settings_of(cast.acme).byo_enabled is False


def rows(page) -> list[list[str]]:
    """The readiness table as text, a list of cells for each agent."""
    from html.parser import HTMLParser

    class Table(HTMLParser):
        found: list[list[str]] = []

        def handle_starttag(self, tag, attrs):
            if tag == "tr":
                self.found.append([])
            if tag in ("td", "th") and self.found:
                self.found[-1].append("")

        def handle_data(self, data):
            if self.found and self.found[-1]:
                self.found[-1][-1] = " ".join((self.found[-1][-1] + " " + data).split())

    body = page.content.decode()
    table = Table()
    table.found = []
    table.feed(body[body.index("<table") : body.index("</table>")])
    return table.found[1:]


@pytest.mark.usefixtures("last_days_as_published")
def test_the_table_tells_each_agents_route_now_and_after(cast, adam, monkeypatch):
    put(cast)
    put_platform_keys(cast)
    custom = byo.add_model(cast.acme, provider="openai", model_id="o-custom", name="Ours", by=cast.adam)
    for name, model in (("A", "gpt-4o"), ("B", "claude-haiku-4-5-20251001"), ("C", "")):
        make_agent(cast.acme, model, name=name)
    Agent.objects.create(workspace=cast.acme, name="D", chat_model=custom)
    monkeypatch.setattr(outlook, "today", lambda: date(2026, 12, 1))
    leaves = "GPT-4o shuts down 14 Jan 2027 · use GPT-6 Luna Move its agents off GPT-4o"
    assert rows(adam.get(PAGE)) == [
        ["A", leaves, "5 credits", "your OpenAI key"],
        [
            "B",
            "Claude Haiku 4.5",
            "2 credits",
            "no Anthropic key: cannot run Add an Anthropic key, or change the model.",
        ],
        ["C", "Bookbag Local", "local, free", "local, free"],
        [
            "D",
            "Ours",
            "needs your own OpenAI key: cannot run Custom models run on your own key only.",
            "your OpenAI key",
        ],
    ]


def test_the_table_follows_the_switch(cast, adam):
    put(cast, found=Health.REJECTED)
    make_agent(cast.acme, "gpt-6-luna", name="A")
    make_agent(cast.acme, "claude-sonnet-4-6", name="B")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    out = "Bookbag has no {0} key: cannot run Use your own {0} key, or change the model."
    assert rows(adam.get(PAGE)) == [
        ["A", "GPT-6 Luna", "OpenAI key rejected: will fail Replace the OpenAI key.", out.format("OpenAI")],
        [
            "B",
            "Claude Sonnet 4.6",
            "no Anthropic key: cannot run Add an Anthropic key, or change the model.",
            out.format("Anthropic"),
        ],
    ]


def test_archived_agents_are_not_counted(cast, adam):
    agent = make_agent(cast.acme, "gpt-4o")
    Agent.objects.filter(pk=agent.pk).update(status="archived")
    assert "No agents yet" in adam.get(PAGE).content.decode()


@pytest.mark.usefixtures("last_days_as_published")
def test_the_way_out_offers_models_that_run_in_both_positions_first(cast, adam, monkeypatch):
    monkeypatch.setattr(outlook, "today", lambda: date(2026, 12, 1))
    put(cast)
    put_platform_keys(cast)
    make_agent(cast.acme, "claude-haiku-4-5-20251001")
    page = adam.get(PAGE)
    [way] = page.context["page"].ways_out
    offered = [choice.chat_model for choice in way.choices]
    assert {one.provider for one in offered} == {"local", "openai"}
    assert [str(one) for one in offered][:2] == ["Bookbag Local", "GPT-6 Luna"]
    # They leave soon, and so come after what stays.
    assert [str(one) for one in offered][-2:] == ["GPT-4o mini", "GPT-4o"]
    assert reverse("agents:change_models", args=["acme"]) in page.content.decode()


def test_a_withdrawn_model_is_told_and_not_offered(cast, adam):
    put_platform_keys(cast)
    make_agent(cast.acme, "gpt-4o")
    ChatModel.objects.filter(model_id="gpt-4o").update(enabled=False)
    page = adam.get(PAGE)
    assert rows(page)[0][2] == "withdrawn: cannot run Change the model."
    assert "GPT-4o" not in [str(choice.chat_model) for choice in page.context["page"].ways_out[0].choices]


def test_who_pays_is_said_before_anything_else(cast, adam):
    put_platform_keys(cast)
    off = adam.get(PAGE).content.decode()
    put(cast)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    on = adam.get(PAGE).content.decode()
    assert "Who pays now: your credits" in off
    assert "Who pays now: your provider accounts" in on


def test_the_playground_of_an_agent_on_a_provider_is_linked(cast, adam):
    make_agent(cast.acme, "", name="A local one")
    agent = make_agent(cast.acme, "gpt-4o", name="Z")
    link = reverse("agents:playground", args=["acme", agent.pk])
    assert adam.get(PAGE).context["page"].trial is None
    put(cast, PASTED)
    assert adam.get(PAGE).context["page"].trial.url == "#byo-title"
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    page = unescape(adam.get(PAGE).content.decode())
    assert f'href="{link}">Verify in the playground</a>' in page
    assert f"{agent.name} is set to run on your OpenAI key." in page


def test_a_key_that_no_agent_runs_on_leads_to_the_playground_where_the_plan_has_no_room(cast, adam):
    agent = make_agent(cast.acme, "gpt-4o", name="Front desk")
    put(cast, "sk-ant-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5", provider="anthropic")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    trial = adam.get(PAGE).context["page"].trial

    assert trial.url == f"/w/acme/agents/{agent.pk}/playground/"
    assert (
        "no room for another: in the playground, Front desk can try a chat model of Anthropic" in trial.said
    )


def test_a_key_that_no_agent_runs_on_leads_to_making_one(cast, adam):
    Account.objects.filter(workspace=cast.acme).update(plan=Plan.objects.get(slug="pro"))
    make_agent(cast.acme, "gpt-4o")
    put(cast, PASTED)
    put(cast, "sk-ant-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5", provider="anthropic")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    trial = adam.get(PAGE).context["page"].trial

    assert (trial.label, trial.url) == (
        "Make an agent on Anthropic",
        "/w/acme/agents/new/?provider=anthropic",
    )
    form = unescape(adam.get(trial.url).content.decode())
    assert "On Anthropic, for its key to be verified." in form
    chosen = form.partition("selected>")[2].partition("<")[0]
    assert chosen.endswith(" · your Anthropic key")


# --- Custom models -----------------------------------------------------------------------------


def test_a_custom_model_is_added_and_removed(cast, adam):
    page = adam.post(
        PAGE + "models/", {"provider": "openai", "model_id": "o-mini", "name": "Mini"}, follow=True
    )
    row = cast.acme.chat_models.get()
    assert (said(page), row.price) == ("Mini can be chosen for agents now.", 0)
    assert said(adam.post(f"{PAGE}models/{row.code}/remove/", follow=True)) == "Mini removed."
    events = AuditEvent.objects.filter(workspace=cast.acme, action__startswith="chat_model").order_by("id")
    assert [event.action for event in events] == ["chat_model.added", "chat_model.removed"]


@pytest.mark.parametrize(
    ("provider", "model_id", "words"),
    [
        ("openai", "gpt-6-luna", "in the catalogue already, as GPT-6 Luna"),
        ("local", "x", "custom_provider_error"),
        ("openai", "a b", "letters, digits"),
        ("openai", "x\r\ny", "letters, digits"),
        ("openai", "x" * 101, "at most 100"),
        ("openai", "", "required"),
    ],
)
def test_a_custom_model_that_cannot_be_is_refused(cast, adam, provider, model_id, words):
    page = adam.post(PAGE + "models/", {"provider": provider, "model_id": model_id})
    assert words in page.content.decode()
    assert cast.acme.chat_models.count() == 0


def test_a_custom_model_in_use_stays(cast, adam):
    custom = byo.add_model(cast.acme, provider="openai", model_id="o-custom", name="Ours", by=cast.adam)
    Agent.objects.create(workspace=cast.acme, name="Night shift", chat_model=custom)
    page = adam.post(f"{PAGE}models/{custom.code}/remove/", follow=True)
    assert "in use by Night shift" in said(page)
    assert cast.acme.chat_models.count() == 1


def test_another_workspaces_model_cannot_be_removed(cast, adam):
    theirs = byo.add_model(cast.globex, provider="openai", model_id="o-theirs", by=cast.gina)
    catalogue = ChatModel.objects.get(model_id="gpt-4o")
    for model in (theirs, catalogue):
        assert adam.post(f"{PAGE}models/{model.pk}/remove/").status_code == 404
    assert ChatModel.objects.filter(pk__in=[theirs.pk, catalogue.pk]).count() == 2


def test_the_accounts_models_are_fetched_with_the_key(cast, adam, provider_double):
    put(cast)
    provider_double.script("models", ids=["gpt-4o", "o-next"])
    page = adam.get(PAGE + "keys/openai/models/").content.decode()
    assert 'value="o-next"' in page
    assert 'value="gpt-4o"' not in page
    assert [call["secret"] for call in provider_double.calls()] == [PASTED]


def test_an_account_that_gives_no_list_is_said_plainly(cast, adam):
    put(cast)
    page = adam.get(PAGE + "keys/openai/models/").content.decode()
    assert "OpenAI could not be reached. There is no list; you can add a model by its id." in page


# --- Two figures, never one --------------------------------------------------------------------


def byo_reply(cast, row, *, model_id="gpt-4o", cost=1000, days=0, **fields):
    at = timezone.now() - timedelta(days=days)
    chat_model = ChatModel.objects.get(model_id=model_id)
    values: dict[str, object] = dict(  # noqa: C408
        workspace=cast.acme, idempotency_key=str(uuid.uuid4()), fingerprint="x", question="q", text="a",
        state="completed", chat_model=chat_model, model_name=str(chat_model), provider="openai",
        credential_kind="workspace", credential_id=row.pk, billing="byo", price=0, why="byo_on",
        estimated_cost=cost, created_at=at, renewed_at=at, lease_token=uuid.uuid4(),
    )  # fmt: skip
    return Reply.objects.create(**values | fields)


def test_byo_spending_is_told_beside_what_credits_would_have_cost(cast, adam):
    row = put(cast)
    byo_reply(cast, row, cost=2_000_000)
    byo_reply(cast, row, cost=500_000, model_id="gpt-4o-mini", state="stopped")
    byo_reply(cast, row, cost=None)
    byo_reply(cast, row, days=31)
    byo_reply(cast, row, state="failed")
    # Stopped while its model was thinking: no credits would have been taken, but the provider's bill has it.
    byo_reply(cast, row, text="", state="stopped", cost=None)
    spending = adam.get(PAGE).context["page"].spending
    assert (spending.replies, spending.cost, spending.credits, spending.unpriced) == (4, 2_500_000, 11, 2)
    assert spending.by_key[row.pk] == (4, 2_500_000)
    page = adam.get(PAGE).content.decode()
    assert "$2.50" in page
    assert "11 credits" in page


def test_replies_on_custom_models_have_no_price_in_credits(cast, adam):
    row = put(cast)
    byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    byo_reply(cast, row, model_id="o-custom", cost=None)
    spending = adam.get(PAGE).context["page"].spending
    assert (spending.credits, spending.custom, spending.unpriced) == (0, 1, 1)


# --- The banner --------------------------------------------------------------------------------


def test_a_rejected_key_is_told_on_every_page_while_byo_is_on(cast, client, django_assert_max_num_queries):
    row = put(cast)
    keys.note_result(row.pk, error_class="key_rejected")
    client.force_login(cast.victor)
    home = reverse("agents:list", args=["acme"])
    assert "rejects this workspace's key" not in client.get(home).content.decode()
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    page = client.get(home).content.decode()
    assert "OpenAI rejects this workspace's key." in page.replace("&#x27;", "'")
    assert PAGE not in page
    assert "sk-…" not in page


def test_the_banner_leads_admins_to_the_page(cast, adam):
    keys.note_result(put(cast).pk, error_class="key_rejected")
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    assert (
        f'<a href="{PAGE}">Replace the key</a>'
        in adam.get(reverse("agents:list", args=["acme"])).content.decode()
    )


def test_another_workspaces_broken_key_is_nobodys_business(cast, adam):
    byo.set_byo(cast.globex, enabled=True, by=cast.gina)
    keys.note_result(the_key(cast.globex).pk, error_class="key_rejected")
    assert 'class="banner' not in adam.get(PAGE).content.decode()


# --- Asking who you are again ------------------------------------------------------------------

GUARDED = [
    ("keys/openai/", {"secret": PASTED}),
    ("keys/openai/delete/", {}),
    ("keys/openai/restore/", {}),
    ("keys/openai/region/", {"region": "eu"}),
    ("byo/", {"byo_enabled": "on"}),
]


def grow_old(client, seconds):
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - seconds}]
    session.save()


@pytest.mark.parametrize(
    ("act", "fields"), [one for one in GUARDED if one[0] not in ("keys/openai/", "keys/openai/region/")]
)
def test_act_with_a_stale_sign_in_waits_until_its_sender_has_confirmed(
    cast, client, act, fields, provider_double
):
    put(cast), put(cast, "sk-" + "n" * 30)
    before = list(ProviderKey.objects.values_list("pk", "state", "region"))
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)
    asked = client.post(PAGE + act, fields)
    assert asked.url == reverse("account_reauthenticate") + "?" + urlencode({"next": PAGE + act})
    assert list(ProviderKey.objects.values_list("pk", "state", "region")) == before
    assert byo.settings_of(cast.acme).byo_enabled is False
    assert client.post(asked.url, {"password": "guess"}).status_code == 200
    assert list(ProviderKey.objects.values_list("pk", "state", "region")) == before
    assert client.post(asked.url, {"password": cast.password}).url == PAGE
    now = list(ProviderKey.objects.values_list("pk", "state", "region"))
    assert (now != before) != byo.settings_of(cast.acme).byo_enabled


def test_act_that_waited_is_forgotten_when_its_sender_goes_elsewhere(cast, client):
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)
    client.post(PAGE + "byo/", {"byo_enabled": "on"})
    client.post(reverse("account_reauthenticate") + "?next=/", {"password": cast.password})
    client.post(reverse("account_reauthenticate") + "?next=" + PAGE + "byo/", {"password": cast.password})
    assert byo.settings_of(cast.acme).byo_enabled is False


def sign_in(client, cast):
    answer = client.post(reverse("account_login"), {"login": cast.adam.email, "password": cast.password})
    assert answer.status_code == 302


def test_a_fresh_sign_in_is_asked_nothing(cast, client, provider_double):
    sign_in(client, cast)
    assert client.post(PAGE + "keys/openai/", {"secret": PASTED}).url == PAGE


def old_sign_in(cast, client):
    sign_in(client, cast)
    grow_old(client, 15 * 60 + 1)


def stored(cast):
    return ProviderKey.objects.filter(workspace=cast.acme).count()


def test_password_is_asked_for_before_a_key_is_pasted(cast, client):
    sign_in(client, cast)
    assert 'name="current_password"' not in client.get(PAGE).content.decode()
    grow_old(client, 15 * 60 + 1)
    page = client.get(PAGE).content.decode()
    assert page.count('name="current_password"') == 2
    assert page.index('name="current_password"') < page.index('name="secret"')


def test_key_is_saved_with_the_password_beside_it(cast, client, provider_double):
    old_sign_in(cast, client)
    fields = {"secret": PASTED, "current_password": cast.password}
    assert client.post(PAGE + "keys/openai/", fields).url == PAGE
    assert stored(cast) == 1
    # The sign-in counts as new now.
    assert 'name="current_password"' not in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("guess", "That is not your password. Nothing was saved"),
        (None, "You signed in a while ago: type your password here"),
    ],
)
def test_key_is_not_saved_without_the_right_password(cast, client, password, told):
    old_sign_in(cast, client)
    page = client.post(
        PAGE + "keys/openai/", {"secret": PASTED} | ({"current_password": password} if password else {})
    )
    shown = page.content.decode()
    assert told in shown
    assert PASTED not in shown
    assert "guess" not in shown
    assert stored(cast) == 0
    assert PASTED not in str(dict(client.session))


def test_form_is_checked_before_the_password(cast, client):
    old_sign_in(cast, client)
    page = client.post(
        PAGE + "keys/openai/", {"secret": "nonsense", "current_password": cast.password}
    ).content.decode()
    assert "does not look like" in page
    assert 'name="current_password"' in page


def test_passwords_beside_a_key_are_counted_as_those_of_sign_in(cast, client):
    old_sign_in(cast, client)
    guess = {"secret": PASTED, "current_password": "guess"}
    assert [client.post(PAGE + "keys/openai/", guess).status_code for _ in range(11)] == [200] * 10 + [429]


def test_somebody_without_a_password_confirms_on_another_page(cast, client):
    cast.adam.set_unusable_password()
    cast.adam.save()
    client.force_login(cast.adam)
    User.objects.update(last_login="2026-01-01T00:00:00Z")
    page = client.get(PAGE).content.decode()
    assert 'name="current_password"' not in page
    assert "Confirm that it is you" in page
