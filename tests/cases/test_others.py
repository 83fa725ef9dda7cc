"""The product with doubles that others wrote: replies that complete, on credits and on an own key, and one that fails."""

from collections.abc import Callable

import pytest

from agents.models import Reply
from billing import ledger
from tests.agents.scenes import agent_on
from tests.cases.others import Missing, aimock_command, llmock_command, running
from tests.harness.cast import Cast
from tests.harness.chat import MODELS, bring_key, platform_key, talk
from tests.harness.live import StartServer
from tests.harness.visitor import Visit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money, pytest.mark.soak]
DOUBLES = {"aimock": aimock_command, "llmock": llmock_command}
# The path below each double's address at which it answers as Anthropic.
ANTHROPIC_PATHS = {"aimock": "", "llmock": "/anthropic"}
doubles = pytest.mark.parametrize("name", list(DOUBLES))
providers = pytest.mark.parametrize("provider", ["openai", "anthropic"])
QUESTION = "When does the shop open?"


def addresses(name: str, url: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{url}/v1", "ANTHROPIC_BASE_URL": f"{url}{ANTHROPIC_PATHS[name]}"}


def command_of(name: str) -> list[str]:
    command: Callable[[], list[str]] = DOUBLES[name]
    try:
        return command()
    except Missing as missing:
        pytest.skip(f"{name}: {missing}")


@doubles
@providers
def test_a_reply_comes_whole_and_costs_what_it_should(
    cast: Cast, visit: Visit, start_server: StartServer, name: str, provider: str
) -> None:
    platform_key(provider)
    with running(command_of(name)) as url:
        server = start_server(**addresses(name, url))
        on_credits = talk(visit(cast.edith, server=server), agent_on(cast, provider), QUESTION).end.data
        bring_key(cast.acme, provider)
        on_own_key = talk(visit(cast.edith, server=server), agent_on(cast, provider), QUESTION).end.data

    for end in (on_credits, on_own_key):
        assert (end["state"], end["ending"], bool(end["text"].strip())) == ("completed", "complete", True), (
            end
        )
    assert (on_credits["charged"], on_own_key["charged"]) == (MODELS[provider][1], 0)
    assert ledger.balance(cast.acme) == ledger.Balance(100 - MODELS[provider][1], 0)
    assert all(reply.left_out == "" and reply.attempts == 1 for reply in Reply.objects.all())
    assert all(reply.output_tokens is not None for reply in Reply.objects.all())


@providers
@pytest.mark.parametrize(
    ("status", "code", "attempts"),
    [(503, "provider_unavailable", 3), (429, "rate_limited", None), (401, "key_rejected", 1)],
)
def test_a_failure_is_told_and_costs_nothing(
    cast: Cast,
    visit: Visit,
    start_server: StartServer,
    provider: str,
    status: int,
    code: str,
    attempts: int | None,
) -> None:
    platform_key(provider)
    with running(command_of("llmock"), "--error-rate", f"{status}=1.0") as url:
        server = start_server(**addresses("llmock", url))
        end = talk(visit(cast.edith, server=server), agent_on(cast, provider), QUESTION).end.data

    reply = Reply.objects.get()
    assert (end["code"], end["charged"], reply.provider_status) == (code, 0, status)
    assert attempts is None or reply.attempts == attempts
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)
