from collections.abc import Iterator

import pytest

from billing import laws, ledger
from billing.models import Account, Plan
from tests.factories import make_workspace


@pytest.fixture
def sound_ledger(db: None) -> Iterator[None]:
    """The test ends with the ledger's own laws. (The mark `money` asks for the agents' too, which want a
    reply for each hold; here holds come without.)"""
    yield
    assert laws.broken_laws() == []


@pytest.fixture
def account(db: None) -> Account:
    """Acme's, opened on the Free plan: 100 credits that expire with the month."""
    return ledger.open_account(make_workspace(name="Acme"), plan=Plan.objects.get(slug="free"))


@pytest.fixture
def neighbour(db: None) -> Account:
    """Globex's, with credits of its own, so that a leak would show."""
    return ledger.open_account(make_workspace(name="Globex"), plan=Plan.objects.get(slug="hobby"))
