"""Any order of sends, endings, crashes, sweeps, switches, key swaps and price edits.

The model beside the machine is the product's promise in plain Python: who runs a reply, what it costs,
and that what was decided at its acceptance stands. After each step the balance, every stored route and
all the laws must agree with it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents.errors import IdempotencyConflict, NotRunnable
from agents.models import Agent, Reply
from agents.running import accepting, settlement, sweeper
from agents.running.outcomes import Cause, decide
from agents.running.settlement import Result
from agents.running.submission import AcceptedReply, Existing, Submission
from billing import ledger
from billing.models import Hold
from bookbag import onboarding
from llm import byo, keys
from llm.models import ChatModel
from llm.providers import roster
from llm.vault import Secret
from tests.canary import planted
from tests.factories import make_user
from tests.harness.chat import MODELS, PROVIDERS
from tests.harness.money import broken_laws
from tests.harness.visitor import session_cookie

PRICES = dict(MODELS.values()) | {"": 1}
PROVIDER_OF = {model_id: provider for provider, (model_id, _) in MODELS.items()} | {"": "local"}
KEYED = st.sampled_from(PROVIDERS)
WHICH = st.integers(0, 99)
FIRST_ALLOTMENT = 100

_numbers = count(1)


def new_secret(provider: str) -> str:
    return planted.new_secret(roster.named(provider).key_prefix)


@dataclass
class Running:
    """A reply as it was accepted, and where it stands."""

    send: Submission
    model_id: str
    accepted: AcceptedReply
    billing: str
    price: int
    secret: str | None
    lapsed: bool = False
    swept: bool = False


@dataclass
class Model:
    posted: int = FIRST_ALLOTMENT
    byo: bool = False
    own: dict[str, str] = field(default_factory=dict)
    platform: dict[str, str] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=lambda: dict(PRICES))
    running: list[Running] = field(default_factory=list)
    charged: dict[UUID, int] = field(default_factory=dict)

    @property
    def held(self) -> int:
        return sum(run.price for run in self.running if not run.swept)

    def free_lapsed(self) -> None:
        for run in self.running:
            run.swept = run.swept or run.lapsed

    def expected(self, model_id: str) -> tuple[str, int, str | None] | str:
        """Billing, price and secret of a reply accepted now, or the code of its refusal."""
        provider = PROVIDER_OF[model_id]
        if provider == "local":
            return "local", 0, None
        if self.byo:
            return ("byo", 0, self.own[provider]) if provider in self.own else "byo_key_missing"
        if provider not in self.platform:
            return "platform_key_missing"
        return "credits", self.prices[model_id], self.platform[provider]

    def look(self, model_id: str) -> tuple[str, int, str | None] | str:
        """As `expected`, and credits must suffice; where they do not, lapsed holds are freed first."""
        expected = self.expected(model_id)
        if isinstance(expected, str) or expected[1] <= self.posted - self.held:
            return expected
        self.free_lapsed()
        return expected if expected[1] <= self.posted - self.held else "credits_exhausted"


class ChargingMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # Each example leaves the database as it found it, else one break would break all after it.
        self.example = transaction.atomic()
        self.example.__enter__()
        self.model = Model()
        self.user = make_user()
        self.workspace = onboarding.create_workspace(
            name="Machine", slug=f"machine-{next(_numbers)}", owner=self.user
        )
        self.session = session_cookie(self.user)
        self.agents = {model_id: self._agent(model_id) for model_id in PRICES}
        for provider in PROVIDERS:
            self.change_key(provider, own=False, delete=False)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def _agent(self, model_id: str) -> Agent:
        chat_model = ChatModel.objects.get(workspace=None, model_id=model_id)
        ChatModel.objects.filter(pk=chat_model.pk).update(price=PRICES[model_id])
        return Agent.objects.create(workspace=self.workspace, name=model_id or "local", chat_model=chat_model)

    def _pick(self, which: int, *, unless: Callable[[Running], bool] = lambda run: False) -> Running | None:
        fitting = [run for run in self.model.running if not unless(run)]
        return fitting[which % len(fitting)] if fitting else None

    # --- Sending -------------------------------------------------------------------------------

    @rule(model_id=st.sampled_from(list(PRICES)))
    def send(self, model_id: str) -> None:
        send = Submission(self.session, self.workspace.slug, self.agents[model_id].pk, "Hello", uuid4().hex)
        expected = self.model.look(model_id)
        if isinstance(expected, str):
            with pytest.raises(NotRunnable) as refusal:
                accepting.accept(send)
            assert refusal.value.code == expected
            return
        accepted = accepting.accept(send)
        assert isinstance(accepted, AcceptedReply)
        assert (accepted.secret.reveal() if accepted.secret else None) == expected[2]
        self.model.running.append(Running(send, model_id, accepted, *expected))

    @precondition(lambda self: self.model.running)
    @rule(which=WHICH)
    def send_again(self, which: int) -> None:
        run = self._pick(which)
        assert run is not None
        self.model.look(run.model_id)
        again = accepting.accept(run.send)
        assert isinstance(again, Existing)
        assert again.reply_id == run.accepted.reply_id
        other = Submission(self.session, run.send.slug, run.send.agent_id, "Other", run.send.idempotency_key)
        with pytest.raises(IdempotencyConflict):
            accepting.accept(other)

    # --- Ending --------------------------------------------------------------------------------

    @precondition(lambda self: self.model.running)
    @rule(which=WHICH, cause=st.sampled_from([Cause.FINISHED, Cause.STOPPED, Cause.CAPPED]))
    def deliver(self, which: int, cause: Cause) -> None:
        """Text came: the reply is charged, unless its lease was lost."""
        self._end(which, cause, has_text=True)

    @precondition(lambda self: self.model.running)
    @rule(which=WHICH, cause=st.sampled_from(list(Cause)), has_text=st.booleans())
    def end(self, which: int, cause: Cause, has_text: bool) -> None:
        self._end(which, cause, has_text=has_text)

    def _end(self, which: int, cause: Cause, *, has_text: bool) -> None:
        run = self._pick(which)
        assert run is not None
        outcome = decide(cause, has_text=has_text, fault="internal")
        text, seen_at = ("Some text", timezone.now()) if has_text else ("", None)
        result = Result(outcome, text, attempts=1 if run.secret else 0, first_text_at=seen_at)
        due = run.price if outcome.capture and not run.swept else 0

        # Twice, as after a commit whose answer was lost.
        assert [settlement.settle(run.accepted, result) for _ in range(2)] == [due, due]

        self.model.running.remove(run)
        self.model.posted -= due
        self.model.charged[run.accepted.reply_id] = due
        stored = Reply.objects.get(pk=run.accepted.reply_id)
        assert (stored.state, stored.charged) == (outcome.state, due)

    @precondition(lambda self: self.model.running)
    @rule(which=WHICH)
    def lose_the_lease(self, which: int) -> None:
        run = self._pick(which, unless=lambda run: run.lapsed)
        if run is None:
            return
        run.lapsed = True
        long_ago = timezone.now() - timedelta(minutes=5)
        Reply.objects.filter(pk=run.accepted.reply_id).update(renewed_at=long_ago)
        Hold.objects.filter(reply_id=run.accepted.reply_id, state="held").update(renewed_at=long_ago)

    @rule()
    def sweep(self) -> None:
        sweeper.sweep()
        self.model.free_lapsed()
        ended = [run.accepted.reply_id for run in self.model.running if run.swept]
        assert set(Reply.objects.filter(pk__in=ended).values_list("state", "error_code")) <= {
            ("failed", "interrupted")
        }

    # --- The world changes ---------------------------------------------------------------------

    @rule(enabled=st.booleans())
    def switch(self, enabled: bool) -> None:
        byo.set_byo(self.workspace, enabled=enabled, by=self.user)
        self.model.byo = enabled

    @rule(provider=KEYED, own=st.booleans(), delete=st.booleans())
    def change_key(self, provider: str, own: bool, delete: bool) -> None:
        workspace, known = (self.workspace, self.model.own) if own else (None, self.model.platform)
        if not delete:
            known[provider] = new_secret(provider)
            keys.replace(workspace, provider=provider, secret=Secret(known[provider]))
        elif known.pop(provider, None):
            keys.delete(workspace, provider=provider, by=self.user)

    @rule(model_id=st.sampled_from([model_id for model_id, _ in MODELS.values()]), price=st.integers(1, 40))
    def edit_price(self, model_id: str, price: int) -> None:
        ChatModel.objects.filter(workspace=None, model_id=model_id).update(price=price)
        self.model.prices[model_id] = price

    @rule(amount=st.integers(1, 60))
    def grant(self, amount: int) -> None:
        ledger.grant(
            self.workspace.account,
            amount=amount,
            kind="grant_operator",
            external_id=uuid4().hex,
            reason="machine",
            actor=None,
        )
        self.model.posted += amount

    # --- What must always hold -----------------------------------------------------------------

    @invariant()
    def balance_agrees(self) -> None:
        assert ledger.balance(self.workspace) == ledger.Balance(self.model.posted, self.model.held)

    @invariant()
    def routes_stand_as_accepted(self) -> None:
        stored = {
            row[0]: row[1:]
            for row in Reply.objects.filter(workspace=self.workspace).values_list("pk", "billing", "price")
        }
        for run in self.model.running:
            assert stored[run.accepted.reply_id] == (run.billing, run.price)

    @invariant()
    def charges_stand(self) -> None:
        rows = Reply.objects.filter(workspace=self.workspace, pk__in=self.model.charged)
        assert dict(rows.values_list("pk", "charged")) == self.model.charged

    @invariant()
    def laws_hold(self) -> None:
        assert broken_laws() == []


QUICK = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=int(os.environ.get("SOAK_EXAMPLES", "150")), stateful_step_count=80)

pytestmark = pytest.mark.django_db


def test_charging_agrees_with_its_promise() -> None:
    run_state_machine_as_test(ChargingMachine, settings=QUICK)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_charging_agrees_with_its_promise_for_long() -> None:
    run_state_machine_as_test(ChargingMachine, settings=LONG)
