"""Providers that are slow to check a key do not make anybody else wait."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from llm import keys
from llm.models import ProviderKey
from llm.vault import Secret
from tests.agents.scenes import agent_on
from tests.harness.cast import Cast
from tests.harness.chat import ACME_SECRETS, talk
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, Visitor
from tests.harness.waiting import eventually
from tests.llm.rows import the_key
from tests.provider_double.client import Double

pytestmark = pytest.mark.django_db(transaction=True)

Health = ProviderKey.Health
LISTS = {"path": "/v1/models"}
PAGE = "/w/acme/settings/llm/"
POOL = 4
CHECKS = 25


def test_slow_checks_hold_no_connection_while_others_read_their_pages(
    cast: Cast, visit: Visit, provider_double: Double, lend_server: LendServer
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no pool to empty")
    server = lend_server(DATABASE_POOL="true", DATABASE_POOL_SIZE=str(POOL), DATABASE_POOL_SECONDS="30")
    provider_double.script("slow_first_byte", seconds=30, times=None, match=LISTS)
    admins = [visit(cast.adam, server=server) for _ in range(CHECKS)]
    gina = visit(cast.gina, server=server)

    def paste(number: int, admin: Visitor) -> int:
        fields = {"secret": f"sk-proj-{number:03}-" + "PaStEd" * 6}
        return admin.submit(PAGE + "keys/openai/", page=PAGE, **fields).status_code

    with ThreadPoolExecutor(CHECKS) as threads:
        running = [threads.submit(paste, *one) for one in enumerate(admins)]

        def at_once() -> int:
            return len(provider_double.calls(bodies=False)) - sum(one.done() for one in running)

        # If each held a connection while it waits, no more than POOL could; twice that, as one wave ends and one begins.
        assert eventually(lambda: at_once() > 2 * POOL)
        pages = [gina.get("/w/globex/").status_code for _ in range(4)]
        still_running = [one for one in running if not one.done()]
        answers = [one.result() for one in running]

    assert pages == [200] * 4
    assert still_running
    assert answers == [302] * CHECKS
    assert the_key(cast.acme).health == Health.UNREACHABLE
    assert "PaStEd" not in server.output


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_key_that_may_not_list_models_is_saved_and_its_first_reply_verifies_it(
    cast: Cast, visit: Visit, provider_double: Double, provider: str
) -> None:
    body = {
        "openai": '{"error": {"message": "You have insufficient permissions for this operation. Missing scopes: '
        'api.model.read.", "type": "invalid_request_error", "param": null, "code": null}}',
        "anthropic": '{"type": "error", "error": {"type": "permission_error", "message": "Request not allowed"}}',
    }[provider]
    provider_double.script("status", status=403, body=body, times=None, match=LISTS)
    adam, agent = visit(cast.adam), agent_on(cast, provider)

    fields = {"secret": ACME_SECRETS[provider], "only_if_accepted": "on"}
    assert adam.submit(f"{PAGE}keys/{provider}/", page=PAGE, **fields).status_code == 302
    page = adam.get(PAGE).text
    assert ("It may not list models, so the first reply will verify it." in page) == (provider == "openai")
    assert the_key(cast.acme, provider).health == Health.UNVERIFIED
    adam.submit(PAGE + "byo/", page=PAGE, byo_enabled="on")

    assert talk(visit(cast.edith), agent).end.kind == "done"
    assert eventually(lambda: the_key(cast.acme, provider).health == Health.VALID)
    assert "first reply will verify it" not in adam.get(PAGE).text


def test_a_running_check_keeps_nobody_from_changing_the_keys(cast: Cast, provider_double: Double) -> None:
    row = keys.replace(cast.acme, provider="openai", secret=Secret(ACME_SECRETS["openai"]))
    provider_double.script("slow_first_byte", seconds=3, match=LISTS)

    def verify() -> Health:
        try:
            return keys.verify(row)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(verify)
        assert eventually(lambda: provider_double.stats()["open_calls"] == 1)
        keys.delete(cast.acme, provider="openai", by=cast.adam)
        deleted_meanwhile = not running.done()
        assert running.result() == Health.VALID
    assert deleted_meanwhile
    assert keys.active(cast.acme, "openai") is None
