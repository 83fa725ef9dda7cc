"""A reply from end to end, over HTTP to the real server, which calls the provider double."""

import pytest

from billing import ledger
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import PLATFORM_SECRETS, platform_key, talk
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]


def test_a_reply_on_credits_streams_and_costs_the_models_price(
    cast: Cast, visit: Visit, provider_double: Double
) -> None:
    platform_key()
    agent = make_agent(cast.acme, "gpt-4o")

    seen = talk(visit(cast.edith), agent, "What is a ledger?")

    done = seen.end
    assert (done.kind, done.data["state"]) == ("done", "completed")
    assert (done.data["charged"], done.data["billing"]) == (5, "credits")
    assert seen.text == done.data["text"] != ""
    assert ledger.balance(cast.acme).posted == 95
    assert [call["secret"] for call in provider_double.calls()] == [PLATFORM_SECRETS["openai"]]
