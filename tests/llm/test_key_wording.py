"""What is told of a key after each answer to a check: in the message, on its card, and in the account's list."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from llm import health, key_wording, keys
from llm.gateway import Completion
from llm.keys import checking
from llm.models import ProviderKey
from llm.profiles import Parameters
from llm.providers.base import HEALTH_BY_CHECK, Fault
from llm.vault import Secret
from tests.harness.cast import Cast
from tests.llm.rows import the_key
from tests.provider_double.client import Double
from workspaces.models import AuditEvent

Health = ProviderKey.Health
PASTED = "sk-proj-PaStEdKeYxQ7vJ2mNw8ZrT4pLc6sYd1fBk3hG5"
PAGE = "/w/acme/settings/llm/"
OPENAI = PAGE + "keys/openai/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    health._noted.clear()


def answers(double: Double, status: int, message: str, *, times: int | None = 1, **error: Any) -> None:
    """The next calls are answered with OpenAI's error of these words."""
    body = {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | error
    }
    double.script("status", status=status, body=json.dumps(body), times=times)


def enter(client: Client, **fields: str) -> tuple[str, str]:
    """Paste a key with "do not save it if refused" ticked; what the message and the page say."""
    page = client.post(OPENAI, {"secret": PASTED, "only_if_accepted": "on", **fields}, follow=True)
    return said(page), text_of(page)


def said(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def text_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


# --- Answers that say nothing of the key ------------------------------------------------------------

ASIDE = [
    (
        403,
        "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
        {},
        "unverified",
        Fault.LACKS_PERMISSION,
        "It may not list models, so the first reply will verify it.",
    ),
    (
        401,
        "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
        {"code": "missing_scope"},
        "unverified",
        Fault.LACKS_PERMISSION,
        "It may not list models, so the first reply will verify it.",
    ),
    (
        401,
        "Attempted to access resource with incorrect regional hostname. Please make your request to eu.api.openai.com",
        {"code": "incorrect_hostname"},
        "unverified",
        Fault.WRONG_REGION,
        "OpenAI keeps the project's data in another region.",
    ),
    (
        401,
        "Your request IP does not match the configured IP allowlist for your project or organization.",
        {"code": "ip_not_authorized"},
        "unverified",
        Fault.ADDRESS_REFUSED,
        "this server's is not among them.",
    ),
    (
        403,
        "Country, region, or territory not supported",
        {"code": "unsupported_country_region_territory", "type": "request_forbidden"},
        "unverified",
        Fault.PLACE_NOT_SERVED,
        "OpenAI does not serve the country",
    ),
    (403, "No.", {}, "unverified", Fault.NOT_ALLOWED, "OpenAI does not allow the request"),
    (
        429,
        "Slow down",
        {"code": "rate_limit_exceeded"},
        "limited",
        Fault.RATE_LIMITED,
        "is limiting its requests",
    ),
    (429, "Quota", {"code": "insufficient_quota"}, "limited", Fault.NO_FUNDS, "out of funds"),
    (500, "Oh", {"type": "server_error"}, "unreachable", Fault.UNAVAILABLE, "OpenAI is having problems."),
]


@pytest.mark.parametrize(("status", "message", "error", "found", "fault", "words"), ASIDE)
def test_an_answer_that_is_no_rejection_is_saved_with_its_own_words(
    adam: Client, cast: Cast, provider_double: Double,
    status: int, message: str, error: dict[str, Any], found: str, fault: Fault, words: str,
) -> None:  # fmt: skip
    answers(provider_double, status, message, **error)
    told, page = enter(adam)
    row = the_key(cast.acme)
    assert (row.health, row.last_error) == (found, fault)
    assert told.startswith("OpenAI key sk-…3hG5 saved. ")
    assert words in told
    assert words in page[page.index('<dl class="kv') - 2000 : page.index('<dl class="kv')]
    assert "rejects" not in page


@pytest.mark.parametrize("status", [200, 401, 403, 404, 503])
def test_a_sign_in_page_is_not_the_providers_word(
    adam: Client, cast: Cast, provider_double: Double, status: int
) -> None:
    provider_double.script("status", status=status, body="<html>Sign in</html>", content_type="text/html")
    told, _ = enter(adam)
    assert "something else answered in its place" in told
    assert (the_key(cast.acme).health, the_key(cast.acme).last_error) == (
        "unreachable",
        Fault.NOT_THE_PROVIDER,
    )


def test_verify_stores_and_says_the_same(adam: Client, cast: Cast, provider_double: Double) -> None:
    keys.replace(cast.acme, provider="openai", secret=Secret(PASTED))
    answers(provider_double, 403, "Country", code="unsupported_country_region_territory")
    page = adam.post(OPENAI + "verify/", follow=True)
    assert "checked. OpenAI does not serve the country" in said(page)
    assert the_key(cast.acme).last_error == Fault.PLACE_NOT_SERVED


def test_the_account_says_why_it_gives_no_list(adam: Client, cast: Cast, provider_double: Double) -> None:
    keys.replace(cast.acme, provider="openai", secret=Secret(PASTED))
    answers(provider_double, 403, "Missing scopes: api.model.read")
    page = text_of(adam.get(OPENAI + "models/"))
    assert "This key may not list models. There is no list; you can add a model by its id." in page
    answers(provider_double, 401, "Incorrect API key", code="invalid_api_key")
    assert "OpenAI rejects the stored key. There is no list;" in text_of(adam.get(OPENAI + "models/"))


def test_each_fault_that_a_check_can_show_has_words_of_its_own() -> None:
    assert set(HEALTH_BY_CHECK) <= set(key_wording.OF_FAULT)
    clauses = [words.said for words in key_wording.OF_FAULT.values()]
    assert len(set(clauses)) == len(clauses)


# --- A key that may not list models -----------------------------------------------------------------


def restricted(cast: Cast, double: Double) -> ProviderKey:
    answers(double, 403, "You have insufficient permissions. Missing scopes: api.model.read.")
    return keys.enter(
        cast.acme, provider="openai", secret=Secret(PASTED), by=cast.adam, only_if_accepted=True
    )


def test_a_reply_verifies_it_and_the_card_says_so(adam: Client, cast: Cast, provider_double: Double) -> None:
    row = restricted(cast, provider_double)
    assert (row.may_list, row.health) == (False, Health.UNVERIFIED)
    keys.note_result(row.pk, fault=None)
    page = text_of(adam.get(PAGE))
    assert 'health--valid">Valid' in page
    assert "It may not list models; replies show that it works." in page


def test_a_later_check_takes_back_nothing_that_a_reply_showed(cast: Cast, provider_double: Double) -> None:
    row = restricted(cast, provider_double)
    keys.note_result(row.pk, fault=None)
    answers(provider_double, 403, "Missing scopes: api.model.read.")
    assert keys.verify(the_key(cast.acme)) == Health.VALID


def test_a_check_without_an_answer_forgets_no_restriction(cast: Cast, provider_double: Double) -> None:
    restricted(cast, provider_double)
    provider_double.script("503")
    keys.verify(the_key(cast.acme))
    assert the_key(cast.acme).may_list is False
    keys.verify(the_key(cast.acme))
    assert the_key(cast.acme).may_list is True


def test_one_that_may_run_no_replies_is_told_what_it_lacks(
    adam: Client, cast: Cast, provider_double: Double
) -> None:
    row = restricted(cast, provider_double)
    keys.note_result(row.pk, fault=Fault.LACKS_PERMISSION)
    page = text_of(adam.get(PAGE))
    assert "OpenAI says that it may not run replies." in page
    assert "Give it the permission “Model capabilities: Request”" in page


def test_the_page_states_the_permissions_beside_the_field(adam: Client, cast: Cast) -> None:
    page = text_of(adam.get(PAGE))
    assert "A restricted one needs the permission “Model capabilities: Request”" in page
    assert "Any API key of a workspace will do." in page


# --- Faults of replies that are beside the key ------------------------------------------------------


@pytest.mark.parametrize("fault", sorted(health.BESIDE_THE_KEY))
def test_a_fault_beside_the_key_is_told_and_changes_no_health(adam: Client, cast: Cast, fault: Fault) -> None:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), found=Health.VALID)
    assert keys.is_news(row.pk, fault=fault)
    keys.note_result(row.pk, fault=fault)
    stored = the_key(cast.acme)
    assert (stored.health, stored.last_error) == (Health.VALID, fault)
    assert key_wording.wording_of(stored).said in text_of(adam.get(PAGE))


# --- Headroom ---------------------------------------------------------------------------------------


def test_the_card_shows_what_is_left_of_the_rate_limits(adam: Client, cast: Cast) -> None:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), found=Health.VALID)
    assert "Rate limits" not in text_of(adam.get(PAGE))
    left = {"requests_left": 4_980, "requests": 5_000, "tokens_left": 1_999_000}
    keys.note_result(row.pk, fault=None, headroom=left)
    ProviderKey.objects.filter(pk=row.pk).update(last_used_at=timezone.now() - timedelta(minutes=3))
    page = " ".join(text_of(adam.get(PAGE)).split())
    assert "4,980 of 5,000 requests and 1,999,000 tokens left, as of the reply <time" in page
    assert "3 minutes ago</time>" in page


def test_headroom_goes_with_a_reply_that_tells_none(adam: Client, cast: Cast) -> None:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), found=Health.VALID)
    keys.note_result(row.pk, fault=None, headroom={"requests_left": 1})
    health._noted.clear()
    keys.note_result(row.pk, fault=None)
    assert the_key(cast.acme).headroom is None
    assert "Rate limits" not in text_of(adam.get(PAGE))


# --- Regions ----------------------------------------------------------------------------------------


@pytest.fixture
def residency(provider_double: Double, settings: Any) -> Double:
    """The double is OpenAI's European host; the global one is out of reach."""
    settings.PROVIDER_REGION_URLS = {
        "openai": {
            "us": "http://127.0.0.1:9/v1",
            "eu": provider_double.openai_base_url,
            "ae": "http://127.0.0.1:9/v1",
        }
    }
    settings.PROVIDER_BASE_URLS = settings.PROVIDER_BASE_URLS | {"openai": "http://127.0.0.1:9/v1"}
    return provider_double


def put(cast: Cast, **facts: Any) -> ProviderKey:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(PASTED), by=cast.adam)
    ProviderKey.objects.filter(pk=row.pk).update(**facts)
    return row


def test_a_region_is_chosen_checked_there_and_shown(adam: Client, cast: Cast, residency: Double) -> None:
    put(cast)
    page = adam.post(OPENAI + "region/", {"region": "eu"}, follow=True)
    assert said(page) == "OpenAI key sk-…3hG5 is set to Europe. OpenAI accepts it."
    assert (the_key(cast.acme).region, the_key(cast.acme).health) == ("eu", Health.VALID)
    assert "<dt>Region</dt><dd>Europe</dd>" in text_of(page)
    assert [call["path"] for call in residency.calls()] == ["/v1/models"]


def test_replies_and_checks_go_to_the_region(cast: Cast, residency: Double) -> None:
    put(cast, region="eu")
    assert keys.verify(the_key(cast.acme)) == Health.VALID
    completion = Completion(
        provider="openai", model_id="m", messages=[], parameters=Parameters(max_output_tokens=1),
        secret=Secret(PASTED), region="eu",
    )  # fmt: skip
    assert completion.call.base_url == residency.openai_base_url


def test_a_choice_is_audited_once(adam: Client, cast: Cast, residency: Double) -> None:
    put(cast)
    for region in ("eu", "eu", ""):
        adam.post(OPENAI + "region/", {"region": region})
    events = AuditEvent.objects.filter(workspace=cast.acme, action="provider_key.region_changed").order_by(
        "id"
    )
    assert [(event.actor, event.data["before"], event.data["after"]) for event in events] == [
        (cast.adam, "global", "eu"),
        (cast.adam, "eu", "global"),
    ]


def test_a_new_key_takes_over_the_region_and_is_checked_there(cast: Cast, residency: Double) -> None:
    put(cast, region="eu")
    row = keys.enter(cast.acme, provider="openai", secret=Secret(PASTED + "2"), by=cast.adam)
    assert (row.region, row.health) == ("eu", Health.VALID)


def test_the_choice_is_offered_prominently_where_the_region_is_wrong(
    adam: Client, cast: Cast, residency: Double
) -> None:
    row = put(cast)
    folded = text_of(adam.get(PAGE))
    assert folded.index("<summary>Change the region</summary>") < folded.index('name="region"')
    keys.note_result(row.pk, fault=Fault.WRONG_REGION)
    page = text_of(adam.get(PAGE))
    assert "Change the region" not in page
    assert (
        page.index('class="notice notice--warn') < page.index('name="region"') < page.index('<dl class="kv')
    )
    for label in ("Global", "United States", "Europe", "United Arab Emirates"):
        assert f">{label}</option>" in page


@pytest.mark.parametrize(
    ("provider", "region"),
    [("openai", "mars"), ("openai", "http://evil.test"), ("anthropic", "eu"), ("openai", "EU")],
)
def test_no_other_region_can_be_named(
    adam: Client, cast: Cast, residency: Double, provider: str, region: str
) -> None:
    put(cast)
    page = adam.post(f"{PAGE}keys/{provider}/region/", {"region": region}, follow=True)
    assert "has no such region here" in said(page)
    assert the_key(cast.acme).region == ""
    with pytest.raises(keys.NoSuchRegion):
        keys.set_region(cast.acme, provider=provider, region=region, by=None)
    assert residency.calls() == []


def test_no_choice_is_shown_where_another_address_stands_in(adam: Client, cast: Cast, settings: Any) -> None:
    settings.PROVIDER_REGION_URLS = {}
    put(cast, last_error="wrong_region", last_error_at=timezone.now())
    page = text_of(adam.get(PAGE))
    assert 'name="region"' not in page
    assert "choose the region" not in page
    assert "at one address only. An operator has to look at it" in page


def test_without_a_key_there_is_no_region_to_choose(adam: Client, cast: Cast, residency: Double) -> None:
    page = adam.post(OPENAI + "region/", {"region": "eu"}, follow=True)
    assert "no OpenAI key to choose a region for" in said(page)


# --- One check at a time ----------------------------------------------------------------------------


def test_a_second_check_of_a_key_is_refused_while_one_runs(
    adam: Client, cast: Cast, provider_double: Double
) -> None:
    row = put(cast)
    with checking.alone(row):
        assert "being checked at this moment" in said(adam.post(OPENAI + "verify/", follow=True))
        assert "being checked at this moment" in text_of(adam.get(OPENAI + "models/"))
    assert provider_double.calls() == []
    assert keys.verify(row) == Health.VALID
