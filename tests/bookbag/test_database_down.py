"""Without its database the server says so, as 503, and still tells that its process lives."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.harness.live import StartServer

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "t" * 32


def test_every_kind_of_answer_says_503_and_health_tells_the_two_apart(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(DATABASE_URL=f"sqlite:///{tmp_path}/gone/nothing.sqlite3")
    with httpx.Client(
        base_url=server.url, trust_env=False, cookies={"session": "s" * 32, "csrftoken": TOKEN}
    ) as http:
        page = http.get("/")
        scripted = http.post(
            f"/w/acme/agents/{uuid4()}/messages/",
            data={"text": "Keep me", "idempotency_key": uuid4().hex},
            headers={"accept": "application/json", "x-csrftoken": TOKEN},
        )

        assert (page.status_code, page.headers["retry-after"]) == (503, "10")
        assert "Its database does not answer" in page.text
        assert (scripted.status_code, scripted.json()["error"]["code"]) == (503, "database_down")

    # A probe brings no session.
    assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
    assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 503
