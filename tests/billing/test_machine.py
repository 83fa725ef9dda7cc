"""Any order of grants, holds, captures, releases, lost leases, sweeps, months and reversals.

The model beside the ledger is eager and plain: a list of buckets from which each capture takes at
once. After every step the account, the buckets and the laws must agree with it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing import holds, laws, ledger, plans
from billing.errors import CreditsExhausted, NotReversible
from billing.models import Plan, Transfer
from tests.billing import moves
from tests.factories import make_workspace

OPENED = datetime(2027, 1, 31, 12, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Lot:
    """A bucket as the model sees it; `key` is the transfer that made it."""

    key: int
    remaining: int
    expires_at: datetime = NEVER


@dataclass
class Model:
    now: datetime = OPENED
    lots: list[Lot] = field(default_factory=list)
    held: dict[moves.Held, int] = field(default_factory=dict)
    lapsed: set[moves.Held] = field(default_factory=set)

    @property
    def posted(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def available(self) -> int:
        return self.posted - sum(self.held.values())

    def in_order(self) -> list[Lot]:
        return sorted(self.lots, key=lambda lot: (lot.expires_at, lot.key))

    def draw(self, amount: int, *, first: int | None = None) -> None:
        for lot in sorted(self.in_order(), key=lambda lot: lot.key != first):
            part = min(lot.remaining, amount)
            lot.remaining -= part
            amount -= part
        assert amount == 0

    def free_lapsed(self) -> None:
        for held in self.lapsed:
            self.held.pop(held, None)
        self.lapsed.clear()

    def expire(self) -> None:
        spared = sum(self.held.values())
        for lot in self.in_order():
            if lot.expires_at <= self.now:
                kept = min(spared, lot.remaining)
                spared -= kept
                lot.remaining = kept


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        plan = Plan.objects.get(slug="free")
        self.account = ledger.open_account(make_workspace(), plan=plan, now=OPENED)
        self.model = Model(lots=[self._allotment()])
        self.charges: list[Transfer] = []
        self.grants: list[Transfer] = [self.account.transfers.get()]
        self.periods = {OPENED}

    def _allotment(self) -> Lot:
        transfer = self.account.transfers.filter(kind="grant_plan").latest("id")
        return Lot(transfer.pk, transfer.amount, transfer.bucket.expires_at or NEVER)

    def _pick(self, things: list, which: int) -> object:
        return things[which % len(things)]

    @rule(amount=st.integers(1, 80), days=st.none() | st.integers(1, 70))
    def grant(self, amount: int, days: int | None) -> None:
        expires_at = self.model.now + timedelta(days=days) if days else None
        transfer = moves.grant(self.account, amount, expires_at=expires_at, now=self.model.now)
        self.grants.append(transfer)
        self.model.lots.append(Lot(transfer.pk, amount, expires_at or NEVER))

    @rule(amount=st.integers(1, 60))
    def hold(self, amount: int) -> None:
        if amount <= self.model.available:
            self.model.held[moves.hold(self.account, amount)] = amount
        else:
            with pytest.raises(CreditsExhausted):
                moves.hold(self.account, amount)

    @precondition(lambda self: self.model.held)
    @rule(which=st.integers(0, 99))
    def capture(self, which: int) -> None:
        held = self._pick(list(self.model.held), which)
        assert isinstance(held, moves.Held)
        assert moves.capture(held)
        assert not moves.capture(held)
        assert not moves.release(held)
        self.model.lapsed.discard(held)
        self.model.draw(self.model.held.pop(held))
        self.charges.append(Transfer.objects.get(reply_id=held.reply_id, kind="capture"))

    @precondition(lambda self: self.model.held)
    @rule(which=st.integers(0, 99))
    def release(self, which: int) -> None:
        held = self._pick(list(self.model.held), which)
        assert isinstance(held, moves.Held)
        assert moves.release(held)
        assert not moves.capture(held)
        self.model.lapsed.discard(held)
        del self.model.held[held]

    @precondition(lambda self: self.model.held)
    @rule(which=st.integers(0, 99))
    def lose_the_lease(self, which: int) -> None:
        held = self._pick(list(self.model.held), which)
        assert isinstance(held, moves.Held)
        moves.lapse(held)
        self.model.lapsed.add(held)

    @rule()
    def sweep(self) -> None:
        assert set(holds.sweep()) == {held.reply_id for held in self.model.lapsed}
        late = list(self.model.lapsed)
        self.model.free_lapsed()
        assert not any(moves.capture(held) or moves.release(held) for held in late)

    @rule(days=st.integers(0, 45))
    def let_time_pass(self, days: int) -> None:
        self.model.now += timedelta(days=days)
        ledger.refresh(self.account, now=self.model.now)
        self.model.free_lapsed()
        self.model.expire()
        start = plans.period(OPENED, self.model.now).start
        if start not in self.periods:
            self.periods.add(start)
            self.model.lots.append(self._allotment())
            self.grants.append(self.account.transfers.filter(kind="grant_plan").latest("id"))

    @precondition(lambda self: self.charges)
    @rule(which=st.integers(0, 99), part=st.booleans())
    def reverse_a_charge(self, which: int, part: bool) -> None:
        charge = self._pick(self.charges, which)
        assert isinstance(charge, Transfer)
        self.charges.remove(charge)
        amount = max(-charge.amount // 2, 1) if part else -charge.amount
        reversal = ledger.reverse(charge, actor=None, reason="r", amount=amount, now=self.model.now)
        self.model.lots.append(Lot(reversal.pk, amount))
        with pytest.raises(NotReversible):
            ledger.reverse(charge, actor=None, reason="again")

    @precondition(lambda self: self.grants)
    @rule(which=st.integers(0, 99))
    def reverse_a_grant(self, which: int) -> None:
        grant = self._pick(self.grants, which)
        assert isinstance(grant, Transfer)
        amount = min(grant.amount, self.model.available)
        if amount == 0:
            with pytest.raises(NotReversible):
                ledger.reverse(grant, actor=None, reason="r")
            return
        self.grants.remove(grant)
        assert ledger.reverse(grant, actor=None, reason="r", now=self.model.now).amount == -amount
        self.model.draw(amount, first=grant.pk)

    @rule()
    def apply_draw(self) -> None:
        moves.apply_draw(self.account)
        stored = dict(self.account.buckets.values_list("transfer_id", "remaining"))
        assert stored == {lot.key: lot.remaining for lot in self.model.lots}

    @invariant()
    def figures_agree(self) -> None:
        assert moves.figures(self.account) == (self.model.posted, sum(self.model.held.values()))

    @invariant()
    def laws_hold(self) -> None:
        assert laws.broken_laws() == []

    def teardown(self) -> None:
        self.apply_draw()
        self.sweep()
        assert laws.overdue_holds() == []
        # The next example shares the database, and the real clock goes on.
        assert all(moves.release(held) for held in self.model.held)


@pytest.fixture
def patient(settings: LazySettings) -> None:
    """No lease runs out because the test is slow; `moves.lapse` makes them older than this."""
    settings.LEASE_SECONDS = settings.LEASE_LIFE_SECONDS = 86_400


QUICK = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.usefixtures("sound_ledger")
@pytest.mark.django_db
def test_ledger_agrees_with_an_eager_model(patient: None) -> None:
    run_state_machine_as_test(LedgerMachine, settings=QUICK)


@pytest.mark.soak
@pytest.mark.usefixtures("sound_ledger")
@pytest.mark.timeout(1800)
@pytest.mark.django_db
def test_ledger_agrees_with_an_eager_model_for_long(patient: None) -> None:
    run_state_machine_as_test(
        LedgerMachine, settings=settings(QUICK, max_examples=200, stateful_step_count=60)
    )
