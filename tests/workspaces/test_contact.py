"""Where people find whoever runs Bookbag: at the foot of each page, and wherever they are sent to the operators."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from agents import wording
from agents.models import Reply
from bookbag.server import error_pages
from llm import key_wording
from llm.models import ProviderKey
from llm.providers.base import Fault
from tests.factories import browser_of, make_user
from tests.harness.cast import Cast
from workspaces import notices
from workspaces.errors import NoSeat, TooManyWorkspaces
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db

MAILTO = '<a href="mailto:help@acme.test">help@acme.test</a>'
FOOT = ('<a href="mailto:help@acme.test">Write to support</a>', 'href="https://acme.test/terms/"', 'href="https://acme.test/privacy?v=2"')  # fmt: skip


@pytest.fixture
def support(settings: Any) -> Any:
    settings.SUPPORT_EMAIL = "help@acme.test"
    settings.TERMS_URL = "https://acme.test/terms/"
    settings.PRIVACY_URL = "https://acme.test/privacy?v=2"
    return settings


@pytest.mark.parametrize(
    "path", ["/", "/help/", "/w/acme/", "/w/acme/members/", "/w/acme/settings/llm/", "/nothing/"]
)
def test_page_has_it_at_its_foot(cast: Cast, support: Any, path: str) -> None:
    page = browser_of(cast.adam).get(path).content.decode()
    assert all(page.count(link) == 1 for link in FOOT)


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_page_of_somebody_who_is_not_signed_in_has_it_at_its_foot(support: Any, path: str) -> None:
    page = Client().get(path).content.decode()
    assert all(page.count(link) == 1 for link in FOOT)


@pytest.mark.parametrize("path", ["/", "/help/models/", "/w/acme/", "/w/acme/members/", "/nothing/"])
def test_page_without_settings_shows_nothing_of_it(cast: Cast, path: str) -> None:
    page = browser_of(cast.adam).get(path).content.decode()
    for trace in ("mailto:", "Write to support", "Terms", "Privacy", "contact", '<footer class="foot"'):
        assert trace not in page


def test_one_setting_alone_shows_one_link(cast: Cast, settings: Any) -> None:
    settings.TERMS_URL = "https://acme.test/?a=1&b=2"
    page = browser_of(cast.adam).get("/w/acme/").content.decode()
    assert 'href="https://acme.test/?a=1&amp;b=2"' in page
    assert "Privacy" not in page
    assert "Write to support" not in page


def test_page_that_broke_says_where_to_write_with_its_reference(support: Any) -> None:
    def shown() -> str:
        return " ".join(error_pages.server_error(RequestFactory().get("/")).content.decode().split())

    assert f"If you write to us about it at {MAILTO}, give this reference" in shown()
    support.SUPPORT_EMAIL = ""
    assert "If you write to us about it, give this reference" in shown()


def test_sentences_that_send_to_the_operators_say_where_to_write(cast: Cast, support: Any) -> None:
    pages = {
        "/w/acme/members/": f"ask the operators of this site at {MAILTO} for a larger plan",
        "/help/members-and-roles/": f"Ask the people who run this Bookbag at {MAILTO}.",
    }
    for path, said in pages.items():
        assert said in browser_of(cast.adam).get(path).content.decode()
    assert "ask the operators of this site at help@acme.test for more" in str(TooManyWorkspaces(3))
    assert "the operators of this site at help@acme.test can change the plan" in str(NoSeat())
    lost = ProviderKey(provider="openai", health="unreachable", last_error=Fault.NOT_THE_PROVIDER)
    assert "An operator (help@acme.test) has to look at how" in key_wording.wording_of(lost).advice
    reply = Reply(
        provider="openai", error_code="not_the_provider", credential_kind="workspace", state="failed"
    )
    assert "An operator (help@acme.test) has to look at how" in wording.failure(reply, for_admin=True)
    suspended = wording.refusal("workspace_suspended", {"reason": "Unpaid."})
    assert suspended.endswith("An owner of the workspace can write to the operators at help@acme.test.")
    for code in ("credits_exhausted", "credits_short"):
        short = wording.told(code, {"available": 0, "price": 5}, is_sent=False)
        assert short.rest.endswith("or ask the operators at help@acme.test for more.")


def test_banner_of_a_suspended_workspace_says_where_to_write(cast: Cast, support: Any) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(suspended_at=timezone.now(), suspended_for="Unpaid.")
    page = " ".join(browser_of(cast.adam).get("/w/acme/").content.decode().split())

    assert f"An owner can write to the operators at {MAILTO}." in page


def test_without_an_address_the_sentences_read_as_before() -> None:
    lost = ProviderKey(provider="openai", health="unreachable", last_error=Fault.NOT_THE_PROVIDER)
    assert "An operator has to look at how this server reaches OpenAI." in key_wording.wording_of(lost).advice
    assert "ask the operators of this site for more" in str(TooManyWorkspaces(3))
    assert "the operators of this site can change the plan" in str(NoSeat())
    short = wording.told("credits_short", {"price": 5}, is_sent=False)
    assert short.rest.endswith("or ask the operators for more.")


def test_mail_says_where_to_write(support: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        notices.tell_of_password(make_user("edith@acme.test"))
    assert "tell the\noperators at help@acme.test." in mail.outbox[0].body
