"""A server killed, paused or told to stop at any moment: no credit is made, lost or left held.

Whoever sends again with the same key finds the reply that was there, and the provider is never called twice.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from agents.models import Agent, Reply
from billing import ledger
from bookbag import onboarding
from tests.factories import add_member, make_user
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import TERMINAL, bring_key, lasting, platform_key
from tests.harness.crowd import Answered, Press, press_all, press_by
from tests.harness.figures import Figure
from tests.harness.live import Server
from tests.harness.money import broken_laws
from tests.harness.visitor import session_cookie
from tests.provider_double.client import Double
from tests.reliability.aftermath import LEASE, assert_soon_over, calls_by_question, rounds
from tests.reliability.conftest import ForkServers, start_all
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

MODEL, PRICE = "gpt-4o-mini", 1
TOKENS = [f"wörd{number} " for number in range(20)]
WHOLE = "".join(TOKENS)


# --- At each fault point ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Crash:
    """Where a process dies, and what is there after the next one has swept. `again`: what sending again costs."""

    point: str
    route: str = "platform"
    stored: tuple[str, str] | None = ("failed", "interrupted")
    calls: int = 0
    charged: int = 0
    again: tuple[str, int] = ("failed", 0)


CRASHES = [
    Crash("before_hold", stored=None, again=("completed", PRICE)),
    Crash("after_hold"),
    Crash("before_call"),
    Crash("mid_stream", calls=1),
    Crash("mid_stream", route="byo", calls=1),
    Crash("before_settle", calls=1),
    Crash("after_settle", stored=("completed", ""), calls=1, charged=PRICE, again=("completed", PRICE)),
]


@dataclass
class CrashSite:
    """A workspace, an agent and a server for each crash, and the server that comes after them all."""

    double: Double
    session: str
    agents: list[Agent]
    doomed: list[Server]
    survivor: Server


@pytest.fixture
def crash_site(fork_servers: ForkServers, provider_double: Double) -> CrashSite:
    editor = make_user()
    platform_key()
    agents = []
    for number, crash in enumerate(CRASHES):
        slug = f"crash-{number}"
        workspace = onboarding.create_workspace(name=slug, owner=make_user(), slug=slug)
        add_member(workspace, "editor", editor)
        if crash.route == "byo":
            bring_key(workspace)
        agents.append(make_agent(workspace, MODEL))
    # Longer than a second, so that some text has been stored when the last of them die.
    provider_double.script("chunks", times=None, chunks=TOKENS, gap_ms=60)
    *doomed, survivor = fork_servers(*(crash.point for crash in CRASHES), "")
    return CrashSite(provider_double, session_cookie(editor), agents, doomed, survivor)


def crash_everywhere(site: CrashSite) -> float:
    """Every process dies at its point, one starts again; returns the seconds from the last death to the last hold."""
    presses = [
        press_by(site.session, agent, f"Question of {time.monotonic_ns()}, {agent.workspace}")
        for agent in site.agents
    ]
    before = [ledger.balance(agent.workspace).posted for agent in site.agents]
    site.survivor.kill()
    with ThreadPoolExecutor(len(presses)) as threads:
        answers = threads.map(press_all, site.doomed, [[press] for press in presses])
        kinds = [event.kind for (answer,) in answers for event in answer.events]
    assert [kind for kind in kinds if kind in TERMINAL] == []
    assert [server.process and server.process.wait(5) for server in site.doomed] == [-9] * len(CRASHES)
    died = time.monotonic()

    site.survivor.start()
    assert_soon_over()
    took = time.monotonic() - died

    stored = [Reply.objects.filter(idempotency_key=press.key).first() for press in presses]
    assert_left_behind(site, presses, stored, before)
    assert broken_laws() == []
    assert_sending_again_finds_it(site, presses, stored)
    return took


def assert_left_behind(
    site: CrashSite, presses: list[Press], stored: list[Reply | None], before: list[int]
) -> None:
    calls = calls_by_question(site.double)
    for crash, press, reply, posted in zip(CRASHES, presses, stored, before, strict=True):
        assert calls[press.text] == crash.calls, crash
        assert (reply and (reply.state, reply.error_code)) == crash.stored, crash
        if reply:
            assert (reply.question, reply.charged) == (press.text, crash.charged), crash
            assert WHOLE.startswith(reply.text), crash
            assert reply.text == WHOLE or not crash.charged, crash
            assert ledger.balance(reply.workspace) == ledger.Balance(posted - crash.charged, 0), crash


def assert_sending_again_finds_it(site: CrashSite, presses: list[Press], stored: list[Reply | None]) -> None:
    answers = press_all(site.survivor, presses)
    calls = calls_by_question(site.double)
    for crash, press, reply, answer in zip(CRASHES, presses, stored, answers, strict=True):
        end = answer.watched.end.data
        assert (end["state"], end["charged"]) == crash.again, crash
        assert calls[press.text] == (crash.calls if crash.stored else 1), crash
        if reply:
            assert (answer.events[0].data["reply"], end["text"]) == (str(reply.pk), reply.text), crash


def test_killed_at_each_point_nothing_is_lost_or_charged_before_it_is_served(
    crash_site: CrashSite, figure: Figure
) -> None:
    seconds = crash_everywhere(crash_site)

    figure(f"lease {LEASE:g} s, killed at {len(CRASHES)} points, all holds free after", f"{seconds:.1f} s")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_at_each_point_twenty_times(crash_site: CrashSite, figure: Figure) -> None:
    seconds = []
    for number in rounds(20):
        if number:
            start_all(crash_site.doomed)
        seconds.append(crash_everywhere(crash_site))

    figure("kills at fault points, law breaks", f"{len(seconds) * len(CRASHES)}, 0")
    figure(f"lease {LEASE:g} s, all holds free after at most", f"{max(seconds):.1f} s")


# --- At any moment ---------------------------------------------------------------------------------


@dataclass
class Barrage:
    """Two servers of one deployment, killed again and again while people talk to both."""

    double: Double
    session: str
    agents: list[Agent]
    servers: list[Server]
    chance: random.Random
    sent: list[Press]
    shown: list[tuple[Press, Answered]]
    kills: int = 0

    def strike(self) -> None:
        """Both servers die while they answer, each at a moment of its own, and come back."""
        hands = [self._hand() for _ in self.servers]
        moments = [self.chance.uniform(0.0, 1.5) for _ in self.servers]
        with ThreadPoolExecutor(len(self.servers)) as threads:
            answers = list(threads.map(killed_while_talking, self.servers, hands, moments))
        for hand, some in zip(hands, answers, strict=True):
            self.shown += zip(hand, some, strict=True)
        self.kills += len(self.servers)
        assert broken_laws() == [], f"after {self.kills} kills"
        start_all(self.servers)

    def _hand(self) -> list[Press]:
        """New messages, and some that were sent before, whatever became of them."""
        new = [
            press_by(self.session, self.chance.choice(self.agents), f"Question {len(self.sent) + number}")
            for number in range(4)
        ]
        old = self.chance.sample(self.sent, min(2, len(self.sent)))
        self.sent += new
        return self.chance.sample(new + old, len(new + old))


def killed_while_talking(server: Server, presses: list[Press], after: float) -> list[Answered]:
    with ThreadPoolExecutor(1) as threads:
        talking = threads.submit(press_all, server, presses)
        time.sleep(after)
        server.kill()
        return talking.result()


@pytest.fixture
def barrage(cast: Cast, fork_servers: ForkServers, provider_double: Double, chance: random.Random) -> Barrage:
    platform_key()
    bring = onboarding.create_workspace(name="Bring", owner=make_user(), slug="bring")
    add_member(bring, "editor", cast.edith)
    bring_key(bring)
    ledger.grant(
        cast.acme.account, amount=5000, kind="purchase", external_id="t", reason="a test", actor=None
    )
    provider_double.script("chunks", times=None, chunks=TOKENS, gap_ms=40)
    on_credits, local = make_agent(cast.acme, MODEL), make_agent(cast.acme)
    agents = [on_credits, on_credits, local, make_agent(bring, MODEL)]
    servers = fork_servers("", "")
    return Barrage(provider_double, session_cookie(cast.edith), agents, servers, chance, [], [])


def assert_all_is_accounted_for(barrage: Barrage, workspace: Workspace, posted: int) -> None:
    """Every message has one reply, called for at most once, and what anybody was told of it still stands."""
    kept = {reply.idempotency_key: reply for reply in Reply.objects.all()}
    ends = {}
    for start in range(0, len(barrage.sent), 40):
        presses = barrage.sent[start : start + 40]
        for press, answer in zip(presses, press_all(barrage.servers[0], presses), strict=True):
            ends[press.key] = answer.watched.end.data
            if press.key in kept:
                assert answer.events[0].data["reply"] == str(kept[press.key].pk)
    told = [
        (press.key, event.data)
        for press, answer in barrage.shown
        for event in answer.events
        if event.kind in TERMINAL
    ]
    assert [(key, data) for key, data in told if lasting(ends[key]) != lasting(data)] == []
    assert set(calls_by_question(barrage.double).values()) <= {1}
    stored = Reply.objects.filter(idempotency_key__in=ends)
    assert stored.count() == len(barrage.sent)
    assert {reply.idempotency_key: (reply.state, reply.charged) for reply in stored} == {
        key: (end["state"], end["charged"]) for key, end in ends.items()
    }
    charged = sum(reply.charged for reply in stored if reply.workspace_id == workspace.pk)
    assert ledger.balance(workspace) == ledger.Balance(posted - charged, 0)


def bombard(barrage: Barrage, workspace: Workspace, strikes: Iterable[int], figure: Figure) -> None:
    posted = ledger.balance(workspace).posted
    for _ in strikes:
        barrage.strike()
    began = time.monotonic()
    assert_soon_over()
    seconds = time.monotonic() - began
    assert_all_is_accounted_for(barrage, workspace, posted)
    states = Counter(Reply.objects.values_list("state", flat=True))
    figure("kills at random moments, law breaks", f"{barrage.kills}, 0")
    figure("messages, and what became of them", f"{len(barrage.sent)}, {dict(states)}")
    figure(f"lease {LEASE:g} s, all holds free after the last restart in", f"{seconds:.1f} s")


def test_killed_at_random_moments_every_message_is_accounted_for(
    barrage: Barrage, cast: Cast, figure: Figure
) -> None:
    bombard(barrage, cast.acme, range(2), figure)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_two_hundred_times(barrage: Barrage, cast: Cast, figure: Figure) -> None:
    bombard(barrage, cast.acme, rounds(100), figure)
