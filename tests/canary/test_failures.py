"""Whatever fails with secrets and prompts in its message and frames, nobody gets to see them.

The server is tests/canary/faulty_asgi.py: the product, in which any view and a number of places deep inside can be made
to fail.
"""

import re
from uuid import uuid4

import httpx
import pytest

from agents.models import Reply
from bookbag.operations import health
from llm import byo
from llm.models import ProviderKey
from tests.canary import planted, sinks, walk
from tests.canary.scene import Scene
from tests.harness.chat import csrf, messages_path
from tests.harness.waiting import eventually
from tests.test_access_table import address

pytestmark = [pytest.mark.django_db(transaction=True)]

CANARY_APPLICATION = "tests.canary.faulty_asgi.application"

REFERENCE = re.compile(r"eference:?\s+(?:<[^>]+>)?([0-9a-f]{8})")
# The fields that are posted to every form.
FIELDS = {
    "idempotency_key": "canary-canary",
    "secret": planted.ACME["openai"],
    "password": planted.GLOBEX["openai"],
    "text": planted.PROMPT,
}


def told(scene: Scene) -> list[str]:
    """What was found in the answers, and in the log and the mails, which may not contain prompts either."""
    reports = [("the log", scene.server.output.encode()), *sinks.mails(scene.directory / "mails")]
    return scene.found + sinks.leaks(planted.not_in_reports(), reports)


def fail_at(scene: Scene, fault: str, method: str, path: str, **headers: str) -> httpx.Response:
    visitor = scene.visitor(scene.cast.oscar if path.startswith("/admin/") else scene.cast.olivia)
    data = FIELDS if method == "POST" else None
    return visitor.request(
        method, path, data=data, headers={"x-canary-fault": fault, "x-csrftoken": csrf(visitor), **headers}
    )


def test_failing_view_tells_a_reference_and_nothing_else(scene: Scene) -> None:
    scene.scanner = planted.not_in_reports()
    paths = {address(row.name, scene.things) for row in walk.rows()}
    paths |= {*walk.admin_paths(), *walk.account_paths()}
    # Probes are answered before any view, so no view can fail there.
    paths -= set(health.PROBES)
    failed = []
    for path in sorted(paths):
        for method in ("GET", "POST"):
            answer = fail_at(scene, "view", method, path)
            assert answer.status_code == 500, (method, path)
            failed += REFERENCE.findall(answer.text)

    assert told(scene) == []
    assert len(set(failed)) == 2 * len(paths)
    # The reference that a person is shown is also in the log, with the traceback.
    assert [reference for reference in failed if f"[{reference}]" not in scene.server.output] == []
    assert "RuntimeError" in scene.server.output
    assert "in fail" in scene.server.output


def mail_text(scene: Scene) -> str:
    return b"".join(data for _, data in sinks.mails(scene.directory / "mails")).decode()


def test_failing_view_tells_operators_by_mail_and_no_more_than_the_page(scene: Scene) -> None:
    # A new process: the previous tests have failed here too, and one cause is mailed only once in ten minutes.
    scene.server.restart()
    answer = fail_at(scene, "view", "POST", "/w/acme/settings/llm/keys/openai/")
    reference = f"Reference: {REFERENCE.findall(answer.text)[0]}"

    assert eventually(lambda: reference in mail_text(scene))
    assert told(scene) == []
    assert "olive@bookbag.test" in mail_text(scene)
    assert "text/html" not in mail_text(scene)


# The fault, the request, and the status of its answer.
DEEP = [
    ("seal", "POST", "/w/acme/settings/llm/keys/openai/", 500),
    ("store", "POST", "/w/acme/settings/llm/keys/openai/", 500),
    ("check", "POST", "/w/acme/settings/llm/keys/openai/", 500),
    ("check", "POST", "/w/acme/settings/llm/keys/openai/verify/", 500),
    ("transport", "POST", "/w/acme/settings/llm/keys/openai/", 302),
    ("transport", "POST", "/w/acme/settings/llm/keys/openai/verify/", 302),
    ("transport", "GET", "/w/acme/settings/llm/keys/openai/models/", 200),
    ("transport", "POST", "/admin/llm/platformkey/add/", 200),
    ("page", "GET", "/w/acme/settings/llm/", 500),
    ("session", "GET", "/", 500),
    ("admin", "GET", "/admin/llm/platformkey/", 500),
    # The error page fails as well, so the server itself answers and logs.
    ("view handler", "GET", "/", 500),
]


def test_failure_deep_inside_is_told_by_place_alone(scene: Scene) -> None:
    scene.scanner = planted.not_in_reports()
    answers = [fail_at(scene, fault, method, path).status_code for fault, method, path, _ in DEEP]

    assert told(scene) == []
    assert answers == [status for *_, status in DEEP]
    assert "django.db.utils.DatabaseError" in scene.server.output
    assert "Exception in ASGI application" in scene.server.output


# The fault while a reply is made and watched, and how its stream ends. None: the message itself is answered by an error.
RUNS = {
    "accept": None,
    "launch": None,
    "transport": "error",
    "pieces": "error",
    "say": "error",
    "settle": "error",
    "heartbeat": "done",
    "health": "done",
    "frame": "broken off",
}


def end_of(scene: Scene, fault: str, url: str) -> str:
    """How a watched stream ends: the kind of its terminal event, or "broken off"."""
    try:
        answer = fail_at(scene, fault, "GET", url, accept="text/event-stream")
    except httpx.RemoteProtocolError:
        return "broken off"
    return re.findall(r"^event: (\w+)$", answer.text, re.MULTILINE)[-1]


@pytest.mark.parametrize("on_own_key", [True, False], ids=["own key", "credits"])
def test_failure_of_a_reply_is_told_by_place_alone(scene: Scene, on_own_key: bool) -> None:
    byo.set_byo(scene.cast.acme, enabled=on_own_key, by=scene.cast.adam)
    scene.double.script("text", text=planted.ANSWER, times=None)
    ends: dict[str, set[str | None]] = {}
    for fault in RUNS:
        for agent in scene.agents.values():
            FIELDS["idempotency_key"] = uuid4().hex
            answer = fail_at(scene, fault, "POST", messages_path(agent), accept="application/json")
            end = end_of(scene, fault, answer.json()["stream"]) if answer.status_code == 202 else None
            ends.setdefault(fault, set()).add(end)

    assert told(scene) == []
    came_of = list(
        Reply.objects.order_by("created_at").values_list("provider", "error_code", "provider_status")
    )
    assert ends == {fault: {end} for fault, end in RUNS.items()}, came_of
    assert kept_prompts_apart(scene) == []


def kept_prompts_apart(scene: Scene) -> list[str]:
    """The leaks of prompts and answers in columns that are not meant for them."""
    homes = ("agents_reply.question", "agents_reply.text", "agents_reply.html")
    columns = [sink for sink in sinks.database_columns() if sink[0] not in homes]
    return sinks.leaks(planted.not_in_reports(), columns)


def test_mail_that_cannot_be_sent_is_logged_by_class_alone(scene: Scene) -> None:
    scene.double.script("echo_secret_in_error", times=None)
    fail_at(scene, "mail", "POST", "/w/acme/settings/llm/keys/openai/verify/")

    assert told(scene) == []
    assert ProviderKey.objects.filter(health=ProviderKey.Health.REJECTED).exists()
    assert re.search(r"\(OSError\)\. request=\w+\nTraceback", scene.server.output)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html"])
def test_failing_message_is_answered_with_a_reference(scene: Scene, accept: str) -> None:
    path = messages_path(scene.agents["openai"])
    answer = fail_at(scene, "accept", "POST", path, accept=accept)

    assert answer.status_code == 500
    assert f"[{REFERENCE.findall(answer.text)[0]}]" in scene.server.output
    assert told(scene) == []
