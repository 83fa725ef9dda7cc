"""What members and admins are told of keys and models outside a reply: the banner, and parameters left out."""

from html import unescape

import pytest
from django.test import Client

from llm import byo, keys, learning
from llm.models import ChatModel, ProviderKey
from llm.vault import Secret
from tests.agents.scenes import agent_on
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, bring_key, talk
from tests.harness.visitor import Visit
from tests.provider_double.client import Double
from workspaces.models import User

REJECTS = "rejects this workspace's key"
Health = ProviderKey.Health


def page_of(client: Client, user: User, path: str) -> str:
    client.force_login(user)
    return unescape(client.get(path).content.decode())


@pytest.mark.django_db
@pytest.mark.parametrize("health", list(Health))
def test_banner_speaks_of_rejection_only_where_the_key_is_rejected(
    cast: Cast, client: Client, health: str
) -> None:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]), by=cast.adam)
    byo.set_byo(cast.acme, enabled=True, by=cast.adam)
    ProviderKey.objects.filter(pk=row.pk).update(health=health)

    page = page_of(client, cast.victor, "/w/acme/agents/")

    assert (REJECTS in page) == (health == Health.REJECTED)
    assert ("can no longer be opened" in page) == (health == Health.UNREADABLE)


NOT_OF_THE_KEY = {
    "the project may not use the model": (
        "application/json",
        '{"error": {"message": "Project `proj_x` does not have access to model `gpt-4o`",'
        ' "type": "invalid_request_error", "param": null, "code": "model_not_found"}}',
    ),
    "the country is not served": (
        "application/json",
        '{"error": {"message": "Country, region, or territory not supported",'
        ' "type": "request_forbidden", "param": null, "code": "unsupported_country_region_territory"}}',
    ),
    "a firewall answered": ("text/html", "<html><title>Just a moment...</title></html>"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", NOT_OF_THE_KEY)
def test_refusal_that_is_not_of_the_key_leaves_the_banner_alone(
    cast: Cast, visit: Visit, provider_double: Double, what: str
) -> None:
    bring_key(cast.acme)
    content_type, body = NOT_OF_THE_KEY[what]
    provider_double.script("status", times=None, status=403, body=body, content_type=content_type)
    visitor = visit(cast.edith)

    end = talk(visitor, agent_on(cast, "openai")).end

    assert end.kind == "error"
    assert end.data["code"] != "key_rejected"
    assert "banner" not in visitor.get("/w/acme/agents/").text


@pytest.mark.django_db
def test_admins_are_told_of_a_parameter_left_out(cast: Cast, client: Client) -> None:
    keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]), by=cast.adam)
    own = byo.add_model(cast.acme, provider="openai", model_id="o-custom", name="Our own", by=cast.adam)
    listed = ChatModel.objects.get(workspace=None, model_id="gpt-4o")
    make_agent(cast.acme, "gpt-4o", name="Orders")
    for chat_model in (own, listed):
        learning.leave_out(chat_model.pk, ["temperature", "thinking"], workspace_id=cast.acme.pk)

    settings, audit = (page_of(client, cast.adam, f"/w/acme/{path}/") for path in ("settings/llm", "audit"))

    assert settings.count("left out: temperature, thinking") == 2
    for name in (own.name, listed.name):
        said = f"Left out for the chat model {name} from now on, as the provider refused it: temperature, thinking"
        assert audit.count(said) == 1
