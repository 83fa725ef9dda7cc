"""Concurrency with real transactions on real threads: exactly the available credits are spent, once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from django.db import connection

from billing import holds, laws, ledger
from billing.errors import CreditsExhausted, NotReversible
from billing.models import Account, Hold, Plan, Transfer
from tests.billing import moves
from tests.factories import make_workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound_ledger")]

THREADS = 12
T = TypeVar("T")


def opened(credits: int) -> Account:
    """An account with exactly that many credits, which do not expire."""
    account = ledger.open_account(make_workspace(), plan=Plan.objects.get(slug="enterprise"))
    moves.grant(account, credits)
    return account


def at_once(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """Runs the jobs on threads that begin together, each on a connection of its own."""
    jobs = list(jobs)
    start = threading.Barrier(min(THREADS, len(jobs)))
    started: set[int] = set()

    def run(job: Callable[[], T]) -> T:
        if threading.get_ident() not in started:
            started.add(threading.get_ident())
            start.wait(30)
        return job()

    with ThreadPoolExecutor(min(THREADS, len(jobs))) as pool:
        futures = [pool.submit(run, job) for job in jobs]
        results = [future.result() for future in futures]
        # Each thread closes its own connection, or the test database could not be put back.
        closing = threading.Barrier(min(THREADS, len(jobs)))
        for _ in range(min(THREADS, len(jobs))):
            pool.submit(_close_connection, closing)
    return results


def _close_connection(together: threading.Barrier) -> None:
    together.wait(30)
    connection.close()


def try_reply(account: Account, price: int, *, outcome: Callable[[moves.Held], bool] = moves.capture) -> int:
    """A reply from hold to outcome; the price if it was served, 0 if it was refused."""
    try:
        held = moves.hold(account, price)
    except CreditsExhausted:
        return 0
    assert outcome(held)
    return price


@pytest.mark.parametrize("round_", range(3))
def test_exactly_as_many_replies_as_there_are_credits(round_: int) -> None:
    account = opened(37)

    served = at_once([partial(try_reply, account, 1)] * 200)

    assert Counter(served) == {1: 37, 0: 163}
    assert moves.figures(account) == (0, 0)


def test_mixed_prices_never_spend_more_than_there_is() -> None:
    account = opened(100)

    served = at_once(partial(try_reply, account, price) for price in [1, 3, 5] * 40)

    assert sum(served) <= 100
    # What is left is less than the dearest price, else that one would have been served.
    assert 100 - sum(served) < 5
    assert moves.figures(account) == (100 - sum(served), 0)


def test_released_holds_leave_everything() -> None:
    account = opened(20)

    at_once([partial(try_reply, account, 5, outcome=moves.release)] * 100)

    assert moves.figures(account) == (20, 0)
    assert not Transfer.objects.filter(kind="capture").exists()


def test_accounts_do_not_wait_for_or_spend_from_each_other() -> None:
    accounts = [opened(5) for _ in range(6)]

    served = at_once(partial(try_reply, account, 1) for account in accounts * 10)

    assert sum(served) == 30
    assert [moves.figures(account) for account in accounts] == [(0, 0)] * 6


def race_sweep_against_settle(rounds: int) -> Counter[str]:
    """Each round: two sweepers and a late settle meet at one lapsed hold. How often each won."""
    account = opened(1_000_000)
    winners: Counter[str] = Counter()
    for _ in range(rounds):
        held = moves.hold(account, 3)
        moves.lapse(held)
        jobs: list[Callable[[], object]] = [partial(moves.capture, held), holds.sweep, holds.sweep]
        won = [bool(result) for result in at_once(jobs)]
        assert won.count(True) == 1
        winners["settle" if won[0] else "sweep"] += 1
    posted, held_now = moves.figures(account)
    assert (posted, held_now) == (1_000_000 - 3 * winners["settle"], 0)
    assert Hold.objects.filter(state="captured").count() == winners["settle"]
    return winners


def test_sweeper_and_late_settle_resolve_a_hold_once() -> None:
    assert race_sweep_against_settle(25).total() == 25


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_sweeper_and_late_settle_resolve_a_hold_once_in_a_thousand_races() -> None:
    winners = race_sweep_against_settle(1000)
    print(f"1,000 races, one resolution each: {dict(winners)}")  # noqa: T201


def test_one_charge_is_reversed_once_by_many_operators() -> None:
    account = opened(100)
    charge = moves.charge(account, 10)

    def reverse() -> bool:
        try:
            ledger.reverse(charge, actor=None, reason="r")
        except NotReversible:
            return False
        return True

    assert Counter(at_once([reverse] * 12)) == {True: 1, False: 11}
    assert moves.figures(account) == (100, 0)


def test_one_external_id_is_granted_once_by_many_senders() -> None:
    account = opened(100)

    def grant() -> int:
        return ledger.grant(
            account, amount=5, kind="purchase", external_id="order-1", reason="r", actor=None
        ).pk

    assert len(set(at_once([grant] * 12))) == 1
    assert moves.figures(account) == (105, 0)


def test_month_is_granted_once_by_many_refreshers() -> None:
    account = ledger.open_account(make_workspace(), plan=Plan.objects.get(slug="free"))
    next_month = account.next_event_at

    at_once([partial(ledger.refresh, account, now=next_month)] * 12)

    lines = account.transfers.order_by("id").values_list("kind", "amount")
    assert list(lines) == [("grant_plan", 100), ("expire", -100), ("grant_plan", 100)]


def test_everything_at_once_neither_deadlocks_nor_drifts() -> None:
    account, other = opened(500), opened(500)

    def lose(of: Account) -> None:
        try:
            moves.lapse(moves.hold(of, 2))
        except CreditsExhausted:
            return

    jobs: list[Callable[[], object]] = []
    for of in (account, other):
        jobs += [partial(try_reply, of, 3)] * 40
        jobs += [partial(try_reply, of, 4, outcome=moves.release)] * 20
        jobs += [partial(lose, of)] * 20
        jobs += [partial(moves.grant, of, 7)] * 10
        jobs += [partial(ledger.refresh, of)] * 10
        jobs += [partial(moves.apply_draw, of)] * 5
    jobs += [holds.sweep] * 20
    # Mixed, the same way each time.
    at_once(jobs[number * 97 % len(jobs)] for number in range(len(jobs)))
    holds.sweep()

    assert laws.broken_laws() == []
    assert laws.overdue_holds() == []
    assert moves.figures(account) == moves.figures(other) == (500 + 70 - 120, 0)
