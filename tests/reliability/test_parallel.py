"""Many sends at the same moment on too few credits: exactly as many are served as are paid for."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from agents.models import Agent, Reply
from billing import ledger
from billing.models import Account, Hold
from bookbag import onboarding
from llm import byo, keys
from llm.models import ChatModel
from llm.vault import Secret
from tests.factories import add_member, make_user
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import ACME_SECRETS, platform_key
from tests.harness.crowd import Answered, press_all, press_by
from tests.harness.figures import Figure
from tests.harness.live import Server
from tests.harness.money import broken_laws
from tests.harness.servers import LendServer
from tests.harness.visitor import session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

SENDS, SERVED = 200, 37
ROUNDS = 20


def give(workspace_account: Account, credits: int) -> None:
    """Make exactly `credits` available, whatever there was."""
    account = ledger.refresh(workspace_account)
    name = f"give:{account.pk}:{random.random()}"
    if credits > account.available:
        ledger.grant(
            account,
            amount=credits - account.available,
            kind="purchase",
            external_id=name,
            reason="a test",
            actor=None,
        )
    elif credits < account.available:
        grants = account.transfers.filter(amount__gt=0, reversed_by=None).order_by("-amount")
        ledger.reverse(grants[0], amount=account.available - credits, actor=None, reason="a test")


def outcomes(answers: list[Answered]) -> dict[tuple[int, str], int]:
    """How many ended how: status, and the refusal's code or the reply's state."""
    counts: dict[tuple[int, str], int] = {}
    for answer in answers:
        how = (answer.status, answer.code or str(answer.watched.end.data["state"]))
        counts[how] = counts.get(how, 0) + 1
    return counts


def one_round(server: Server, double: Double, account: Account, agent: Agent, session: str) -> float:
    """200 at once on a balance for 37; returns the slowest refusal in seconds."""
    give(account, SERVED)
    before = Reply.objects.count()
    double.clear()

    answers = press_all(server, [press_by(session, agent) for _ in range(SENDS)])

    assert outcomes(answers) == {(200, "completed"): SERVED, (402, "credits_exhausted"): SENDS - SERVED}
    assert len(double.calls(bodies=False)) == SERVED
    assert Reply.objects.count() - before == SERVED
    account.refresh_from_db()
    assert (account.posted, account.held) == (0, 0)
    assert broken_laws() == []
    return max(answer.seconds for answer in answers if answer.code)


def test_exactly_as_many_are_served_as_are_paid_for(
    cast: Cast, lend_server: LendServer, provider_double: Double, figure: Figure
) -> None:
    platform_key()
    agent, session = make_agent(cast.acme, "gpt-4o-mini"), session_cookie(cast.edith)

    slowest = one_round(lend_server(), provider_double, cast.acme.account, agent, session)

    figure(f"{SENDS} sends on a balance for {SERVED}, slowest refusal", f"{slowest:.2f} s")


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_exactly_as_many_are_served_in_every_round(
    cast: Cast, lend_server: LendServer, provider_double: Double, figure: Figure
) -> None:
    platform_key()
    agent, session, server = make_agent(cast.acme, "gpt-4o-mini"), session_cookie(cast.edith), lend_server()
    rounds = int(os.environ.get("SOAK_ROUNDS", ROUNDS))

    slowest = [one_round(server, provider_double, cast.acme.account, agent, session) for _ in range(rounds)]

    figure(f"{rounds} rounds of {SENDS} sends on a balance for {SERVED}, wrong rounds", 0)
    figure("slowest refusal of all rounds", f"{max(slowest):.2f} s")


def test_mixed_prices_never_overdraw_and_leave_less_than_the_cheapest_refused(
    cast: Cast, lend_server: LendServer, provider_double: Double, chance: random.Random
) -> None:
    platform_key()
    prices = {1: "one", 3: "three", 5: "five"}
    agents = {}
    for price, name in prices.items():
        provider_double.model(name, like="gpt-4o")
        chat_model = ChatModel.objects.create(name=name, provider="openai", model_id=name, price=price)
        agents[price] = Agent.objects.create(workspace=cast.acme, name=name, chat_model=chat_model)
    session = session_cookie(cast.edith)
    asked = [chance.choice(list(prices)) for _ in range(120)]

    answers = press_all(lend_server(), [press_by(session, agents[price]) for price in asked])

    served = [price for price, answer in zip(asked, answers, strict=True) if answer.status == 200]
    refused = [price for price, answer in zip(asked, answers, strict=True) if answer.status == 402]
    assert len(served) + len(refused) == len(asked)
    left = ledger.balance(cast.acme)
    assert (left.posted, left.held) == (100 - sum(served), 0)
    # Nobody was refused what was still there at the end.
    assert left.posted < min(refused)


def test_own_keys_and_local_are_served_beside_an_exhausted_balance(
    cast: Cast, lend_server: LendServer, provider_double: Double
) -> None:
    platform_key()
    session = session_cookie(cast.edith)
    bring = onboarding.create_workspace(name="Bring", owner=make_user(), slug="bring")
    add_member(bring, "editor", cast.edith)
    keys.replace(bring, provider="openai", secret=Secret(ACME_SECRETS["openai"]))
    byo.set_byo(bring, enabled=True, by=None)
    give(bring.account, 0)
    give(cast.acme.account, SERVED)
    on_credits, local = make_agent(cast.acme, "gpt-4o-mini"), make_agent(cast.acme)
    on_own_key = make_agent(bring, "gpt-4o")
    agents = [on_credits, on_own_key, on_credits, local] * 50

    answers = press_all(lend_server(), [press_by(session, agent) for agent in agents])

    by_agent = {
        agent.pk: outcomes([answer for answer, asked in zip(answers, agents, strict=True) if asked is agent])
        for agent in (on_credits, on_own_key, local)
    }
    assert by_agent == {
        on_credits.pk: {(200, "completed"): SERVED, (402, "credits_exhausted"): 100 - SERVED},
        on_own_key.pk: {(200, "completed"): 50},
        local.pk: {(200, "completed"): 50},
    }
    assert ledger.balance(bring) == ledger.Balance(0, 0)
    assert Hold.objects.count() == SERVED


def test_two_processes_share_one_balance(
    cast: Cast, lend_server: LendServer, provider_double: Double
) -> None:
    platform_key()
    give(cast.acme.account, SERVED)
    agent, session = make_agent(cast.acme, "gpt-4o-mini"), session_cookie(cast.edith)
    servers = [lend_server(), lend_server(name="second")]

    with ThreadPoolExecutor(2) as threads:
        halves = threads.map(
            lambda server: press_all(server, [press_by(session, agent) for _ in range(100)]), servers
        )
        answers = [answer for half in halves for answer in half]

    assert outcomes(answers) == {(200, "completed"): SERVED, (402, "credits_exhausted"): SENDS - SERVED}
    assert len(provider_double.calls(bodies=False)) == SERVED
