"""The settings page on the real server, in two workers' worth of haste."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from llm import keys
from llm.models import ProviderKey

PAGE = "/w/acme/settings/llm/"
pytestmark = pytest.mark.django_db(transaction=True)


def test_two_admins_pasting_at_once_both_get_an_answer(cast, live, visit):
    admins = [visit(cast.adam), visit(cast.olivia)] * 10
    tokens = [admin.csrf_token(PAGE) for admin in admins]

    def paste(number: int) -> int:
        fields = {"secret": f"sk-proj-{number:03}-" + "PaStEd" * 6, "csrfmiddlewaretoken": tokens[number]}
        return admins[number].post(PAGE + "keys/openai/", data=fields).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(paste, range(20))) == {302}
    rows = keys.held_by(cast.acme)
    assert (rows.count(), rows.filter(state=ProviderKey.State.ACTIVE).count()) == (20, 1)
    assert "PaStEd" not in live.output
