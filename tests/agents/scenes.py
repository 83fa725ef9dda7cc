"""What chat tests set up and look at: an agent on a provider, an empty account, the calls made."""

from agents.models import Agent, Reply
from billing import ledger
from billing.models import Hold
from llm import byo
from llm.models import ProviderKey
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS
from tests.provider_double.client import Double


def agent_on(cast: Cast, provider: str) -> Agent:
    return make_agent(cast.acme, MODELS[provider][0])


def calls(double: Double) -> list[tuple[str, str, str]]:
    """Provider, secret and model of each call made."""
    return [(call["provider"], call["secret"], call["model"]) for call in double.calls()]


def untouched(cast: Cast, double: Double) -> tuple[int, int, int, int, int]:
    """All zero after a refusal: credits used and held, replies, holds, provider calls."""
    balance = ledger.balance(cast.acme)
    return (
        100 - balance.posted,
        balance.held,
        Reply.objects.count(),
        Hold.objects.count(),
        len(double.calls()),
    )


def agent_on_custom_model(cast: Cast, provider: str) -> Agent:
    model = byo.add_model(
        cast.acme, provider=provider, model_id="ft:our-own", name="Our fine-tuned one", by=cast.adam
    )
    return Agent.objects.create(workspace=cast.acme, name="Tuned", chat_model=model)


def spoil(row: ProviderKey) -> None:
    """Change one byte of the sealed secret, as a bad disk or a meddler would."""
    sealed = bytearray(row.ciphertext)
    sealed[0] ^= 1
    ProviderKey.objects.filter(pk=row.pk).update(ciphertext=bytes(sealed))


def spend_all(cast: Cast, *, leaving: int = 0) -> None:
    """Take the first allotment back, all but `leaving` credits."""
    grant = cast.acme.account.transfers.get(kind="grant_plan")
    ledger.reverse(grant, amount=grant.amount - leaving, actor=cast.oscar, reason="a test")


def nothing_happened(double: Double) -> bool:
    """No reply, no hold, no provider call, as a refusal leaves it."""
    return not Reply.objects.exists() and not Hold.objects.exists() and double.calls() == []


def give_plenty(cast: Cast) -> None:
    """A hundred thousand credits to Acme, beside its first hundred."""
    ledger.grant(
        cast.acme.account, amount=100_000, kind="purchase", external_id="plenty", reason="a test", actor=None
    )
