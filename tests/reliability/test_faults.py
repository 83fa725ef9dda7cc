"""Every way a provider can fail, on each provider and both routes: one ending each, in time, and nothing charged.

All the cases of a provider and a route run at the same moment against one server, each in a workspace
of its own with a key and a chat model of its own, so that none can hide behind another.
"""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import pytest

from agents.models import Agent, Reply
from billing import ledger
from bookbag import onboarding
from llm import byo, keys
from llm.models import ChatModel, ProviderKey
from llm.providers import roster
from llm.vault import Secret
from tests.factories import add_member, make_user
from tests.harness.chat import MODELS, PLATFORM_SECRETS, each_provider, platform_key
from tests.harness.crowd import Answered, press_all, press_by
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, session_cookie
from tests.harness.waiting import eventually
from tests.provider_double.client import Double
from tests.provider_double.server import WIRES
from workspaces.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

PRICE = 5
# Long enough that a busy machine does not make a quick answer late.
FIRST_BYTE, IDLE, WALL = 6.0, 5.0, 20.0
LIMITS = {
    "REPLY_FIRST_BYTE_SECONDS": str(FIRST_BYTE),
    "REPLY_IDLE_SECONDS": str(IDLE),
    "REPLY_WALL_SECONDS": str(WALL),
}
# Waits before a second and a third attempt, jitter included, when the provider names none.
RETRIES = 1.7
# How much later than its limit a stream may end, beside those that end at once: they tell how busy the machine is.
GRACE = 10.0


@dataclass(frozen=True)
class Case:
    """A mode of the double, and what must come of it."""

    mode: str
    code: str
    attempts: int = 1
    text: str = ""
    limit: float = 0.0
    health: str = "unverified"
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def model_id(self) -> str:
        return f"case-{self.mode}".replace("_", "-")


THREE = "one two three "
CASES = [
    Case("401", "key_rejected", health="rejected"),
    Case("echo_secret_in_error", "key_rejected", health="rejected"),
    Case("404_model", "model_not_found"),
    Case("400", "prompt_too_large"),
    Case("413", "prompt_too_large"),
    Case("status", "not_the_provider", params={"status": 422, "body": "{}"}),
    Case("quota", "no_funds", health="limited"),
    Case("credit_balance", "no_funds", health="limited"),
    Case("429", "rate_limited", attempts=3, limit=2.5, health="limited", params={"retry_after": 1}),
    Case("429_date", "rate_limited", attempts=3, limit=4.5, health="limited", params={"seconds": 2}),
    Case("429_absent", "rate_limited", attempts=3, limit=RETRIES, health="limited"),
    Case("429_junk", "rate_limited", attempts=3, limit=RETRIES, health="limited"),
    Case("429_huge", "rate_limited", attempts=1, health="limited"),
    Case("500", "provider_unavailable", attempts=3, limit=RETRIES),
    Case("502", "not_the_provider", attempts=3, limit=RETRIES),
    Case("503", "provider_unavailable", attempts=3, limit=RETRIES),
    Case("529", "provider_unavailable", attempts=3, limit=RETRIES),
    Case("redirect", "provider_redirected"),
    Case("reset_before_headers", "provider_unreachable", attempts=3, limit=RETRIES),
    Case("eof_before_headers", "provider_unreachable", attempts=3, limit=RETRIES),
    Case("slow_first_byte", "provider_timed_out", limit=FIRST_BYTE, params={"seconds": 60}),
    Case("hang_mid_stream", "provider_timed_out", text=THREE, limit=IDLE),
    Case("idle_mid_stream", "provider_timed_out", text=THREE, limit=IDLE, params={"seconds": 60}),
    Case("reset_mid_stream", "stream_broken", text=THREE),
    Case("eof_mid_stream", "stream_broken", text=THREE),
    Case("missing_finish_marker", "stream_broken", text=THREE + "four"),
    Case("error_event_after_200", "provider_unavailable", text=THREE),
    Case("malformed_json", "stream_malformed", text=THREE),
    Case("bad_utf8", "stream_malformed", text=THREE),
    Case("huge_line", "stream_malformed"),
    Case("gzip_bomb", "stream_malformed"),
    Case("empty", "empty_reply", health="valid"),
    Case("whitespace_only", "empty_reply", health="valid"),
]
SPEECH = {"chunks": ["one ", "two ", "three ", "four"]}
SPOKEN = {case.mode for case in CASES if case.text}


@dataclass(frozen=True)
class Scene:
    agents: list[Agent]
    admin: User
    secrets: list[str]


def set_up(provider: str, route: str, double: Double) -> Scene:
    """A workspace, a key and a chat model for each case, and the double's script for that model."""
    admin = make_user()
    agents, secrets = [], []
    platform_key(provider)
    for number, case in enumerate(CASES):
        workspace = onboarding.create_workspace(
            name=f"Case {number}", owner=make_user(), slug=f"case-{number}"
        )
        add_member(workspace, "admin", admin)
        # The key belongs to a workspace on either route; with BYO off it must not be touched.
        secrets.append(secret_of(provider, number))
        keys.replace(workspace, provider=provider, secret=Secret(secrets[-1]))
        byo.set_byo(workspace, enabled=route == "byo", by=None)
        chat_model = ChatModel.objects.create(
            name=case.model_id, provider=provider, model_id=case.model_id, price=PRICE
        )
        agents.append(Agent.objects.create(workspace=workspace, name="Guide", chat_model=chat_model))
        double.script(
            case.mode,
            times=None,
            match={"model": case.model_id},
            **case.params,
            **(SPEECH if case.mode in SPOKEN else {}),
        )
    return Scene(agents, admin, secrets)


def secret_of(provider: str, number: int) -> str:
    return f"{roster.named(provider).key_prefix}CASE{number:02}qW7xT4vB9nM2kL6pR3sJ8hG5dF1aZcYeUo"


def came_of(answered: Answered, reply: Reply, calls: int) -> tuple[object, ...]:
    end = answered.watched.end
    return (
        end.kind,
        end.data["code"],
        end.data["text"],
        end.data["charged"],
        calls,
        reply.state,
        reply.error_code,
        reply.text,
    )


@pytest.mark.parametrize("route", ["platform", "byo"])
@each_provider
def test_every_fault_ends_once_in_time_and_uncharged(
    provider_double: Double, lend_server: LendServer, visit: Visit, provider: str, route: str
) -> None:
    server = lend_server(**LIMITS)
    scene = set_up(provider, route, provider_double)
    session = session_cookie(scene.admin)

    answers = press_all(server, [press_by(session, agent) for agent in scene.agents])

    calls = provider_double.calls()
    replies = {reply.workspace_id: reply for reply in Reply.objects.select_related("workspace")}
    found, expected = {}, {}
    for case, agent, answered in zip(CASES, scene.agents, answers, strict=True):
        made = sum(call["model"] == case.model_id for call in calls)
        found[case.mode] = came_of(answered, replies[agent.workspace_id], made)
        expected[case.mode] = (
            "error",
            case.code,
            case.text,
            0,
            case.attempts,
            "failed",
            case.code,
            case.text,
        )
    assert found == expected

    over = {case.mode: answer.seconds - case.limit for case, answer in zip(CASES, answers, strict=True)}
    at_once = median(over[case.mode] for case in CASES if not case.limit)
    late = {mode: seconds for mode, seconds in over.items() if seconds > at_once + GRACE}
    assert late == {}
    # Each call carried the key of its own workspace, or the platform's, and none was led elsewhere.
    whose = [PLATFORM_SECRETS[provider]] * len(CASES) if route == "platform" else scene.secrets
    assert {call["model"]: call["secret"] for call in calls} == {
        case.model_id: secret for case, secret in zip(CASES, whose, strict=True)
    }
    assert provider_double.redirect_hits() == []
    assert [ledger.balance(agent.workspace) for agent in scene.agents] == [ledger.Balance(100, 0)] * len(
        CASES
    )
    assert eventually(lambda: healths(scene) == expected_healths(route)), healths(scene)
    assert_nothing_foreign_is_shown(
        provider, scene, answers, server.output, visit(scene.admin, server=server)
    )


def healths(scene: Scene) -> dict[str, str]:
    rows = dict(ProviderKey.objects.exclude(workspace=None).values_list("workspace_id", "health"))
    return {case.mode: rows[agent.workspace_id] for case, agent in zip(CASES, scene.agents, strict=True)}


def expected_healths(route: str) -> dict[str, str]:
    """On the platform's route nothing is learnt of the workspaces' keys."""
    return {case.mode: case.health if route == "byo" else "unverified" for case in CASES}


def assert_nothing_foreign_is_shown(
    provider: str, scene: Scene, answers: list[Answered], log: str, admin: Any
) -> None:
    """Neither a secret nor a provider's words in what members were shown, in an admin's pages or in the log."""
    shown = {"log": log}
    for case, agent, answered in zip(CASES, scene.agents, answers, strict=True):
        receipt = answered.watched.end.data["receipt"]
        shown[f"{case.mode}, stream"] = repr(answered.events)
        shown[f"{case.mode}, turn"] = admin.get(f"{receipt}turn/").text
        shown[f"{case.mode}, receipt"] = admin.get(receipt).text
        shown[f"{case.mode}, settings"] = admin.get(f"/w/{agent.workspace.slug}/settings/llm/").text
    theirs = [error[-1].split("{")[0][:30] for error in WIRES[provider].ERRORS.values()]
    foreign = [words for words in [*theirs, "cloudflare", "Bad Gateway", "Traceback"] if len(words) > 8]
    secrets = [PLATFORM_SECRETS[provider], *scene.secrets]
    slices = {secret[at : at + 9] for secret in secrets for at in range(8, len(secret) - 8)}
    found = [
        (place, words) for place, text in shown.items() for words in [*foreign, *slices] if words in text
    ]
    assert found == []


@each_provider
def test_fault_that_passes_is_tried_again_on_the_same_key_and_charged_once(
    provider_double: Double, lend_server: LendServer, cast: Any, provider: str
) -> None:
    server = lend_server(**LIMITS)
    platform_key(provider)
    modes = ["500", "503", "529", "429", "429_absent", "reset_before_headers", "eof_before_headers"]
    agents = []
    for mode in modes:
        provider_double.model(f"case-{mode}", like=MODELS[provider][0])
        chat_model = ChatModel.objects.create(
            name=mode, provider=provider, model_id=f"case-{mode}", price=PRICE
        )
        agents.append(Agent.objects.create(workspace=cast.acme, name=mode, chat_model=chat_model))
        params = {"retry_after": 1} if mode == "429" else {}
        provider_double.script(mode, times=2, match={"model": f"case-{mode}"}, **params)
    session = session_cookie(cast.edith)

    answers = press_all(server, [press_by(session, agent) for agent in agents])

    ends = [answer.watched.end.data for answer in answers]
    assert [(end["state"], end["charged"]) for end in ends] == [("completed", PRICE)] * len(modes)
    assert list(Reply.objects.values_list("attempts", flat=True)) == [3] * len(modes)
    assert {call["secret"] for call in provider_double.calls()} == {PLATFORM_SECRETS[provider]}
    assert len(provider_double.calls()) == 3 * len(modes)
    assert ledger.balance(cast.acme) == ledger.Balance(100 - PRICE * len(modes), 0)


def test_platform_key_rejected_is_marked_and_never_the_workspaces(
    provider_double: Double, lend_server: LendServer, cast: Any
) -> None:
    server = lend_server(**LIMITS)
    platform_key()
    provider_double.revoke(PLATFORM_SECRETS["openai"])
    agent = Agent.objects.create(
        workspace=cast.acme, name="A", chat_model=ChatModel.objects.get(model_id="gpt-4o")
    )

    (answer,) = press_all(server, [press_by(session_cookie(cast.edith), agent)])

    assert answer.watched.end.data["code"] == "key_rejected"
    assert "Our side" in answer.watched.end.data["message"]
    assert eventually(ProviderKey.objects.filter(workspace=None, health="rejected").exists)
