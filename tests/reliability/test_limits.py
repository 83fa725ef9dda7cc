"""Our own limits: on connecting, on time, on bytes, on memory. Text until then is kept and paid for."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from agents.models import Agent, Reply
from billing import ledger
from llm.models import ChatModel
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS, bring_key, platform_key, talk
from tests.harness.crowd import press_all, press_by
from tests.harness.figures import Figure
from tests.harness.live import Server
from tests.harness.servers import LendServer
from tests.harness.visitor import Visit, session_cookie
from tests.provider_double.client import Double

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.money]

# Long enough that a flood reaches our limit of text first, on a busy machine too.
WALL = 5.0
LIMITS = {"REPLY_WALL_SECONDS": str(WALL), "REPLY_IDLE_SECONDS": "4", "REPLY_CONNECT_SECONDS": "2"}
TEXT_BYTES = 256 * 1024
MEGABYTE = 1024 * 1024
each_model = pytest.mark.parametrize(
    ("provider", "model_id", "price"), [(provider, *model) for provider, model in MODELS.items()]
)


@contextmanager
def port_that_never_answers() -> Iterator[int]:
    """A listening port whose queue is full: connecting to it takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


def test_provider_that_cannot_be_connected_to(cast: Cast, lend_server: LendServer) -> None:
    session = session_cookie(cast.edith)
    agents = [make_agent(cast.acme, model_id) for model_id in ("gpt-4o", "claude-sonnet-4-6")]
    with port_that_never_answers() as silent:
        # Long enough for a busy machine to be refused, three times, by a port where nobody listens.
        server = lend_server(
            REPLY_CONNECT_SECONDS="2",
            OPENAI_BASE_URL="http://127.0.0.1:9/v1",
            ANTHROPIC_BASE_URL=f"http://127.0.0.1:{silent}",
        )
        for provider in ("openai", "anthropic"):
            platform_key(provider)
        answers = press_all(server, [press_by(session, agent) for agent in agents])
        for provider in ("openai", "anthropic"):
            bring_key(cast.acme, provider)
        answers += press_all(server, [press_by(session, agent) for agent in agents])
        server.stop()

    ends = [answer.watched.end.data for answer in answers]
    assert [end["code"] for end in ends] == ["provider_unreachable", "provider_timed_out"] * 2
    assert [end["billing"] for end in ends] == ["credits", "credits", "byo", "byo"]
    assert [end["charged"] for end in ends] == [0, 0, 0, 0]
    assert ledger.balance(cast.acme) == ledger.Balance(100, 0)


@each_model
def test_reply_that_never_ends_is_cut_and_charged(
    cast: Cast,
    visit: Visit,
    lend_server: LendServer,
    provider_double: Double,
    provider: str,
    model_id: str,
    price: int,
) -> None:
    platform_key(provider)
    provider_double.script("never_ending", tokens_per_s=20)
    visitor = visit(cast.edith, server=lend_server(**LIMITS))
    began = time.monotonic()

    seen = talk(visitor, make_agent(cast.acme, model_id))

    assert time.monotonic() - began >= WALL
    assert (seen.end.kind, seen.end.data["state"], seen.end.data["charged"]) == ("done", "cut", price)
    assert seen.text == seen.end.data["text"] == Reply.objects.get().text
    assert seen.text.startswith("word0 word1 ")
    assert [call["outcome"] for call in provider_double.calls()] == ["aborted"]


@each_model
@pytest.mark.parametrize(
    ("mode", "params"), [("huge_output", {"megabytes": 40}), ("never_ending", {"tokens_per_s": 0})]
)
def test_reply_too_long_is_cut_at_our_cap_and_charged(
    cast: Cast, visit: Visit, lend_server: LendServer, provider_double: Double,
    provider: str, model_id: str, price: int, mode: str, params: dict[str, int],
) -> None:  # fmt: skip
    platform_key(provider)
    provider_double.script(mode, **params)  # type: ignore[arg-type]

    seen = talk(visit(cast.edith, server=lend_server(**LIMITS)), make_agent(cast.acme, model_id))

    assert (seen.end.data["state"], seen.end.data["charged"]) == ("cut", price)
    assert len(seen.text) == len(seen.end.data["text"]) == TEXT_BYTES
    assert Reply.objects.get().text == seen.text


@each_model
def test_trickle_without_text_in_time_is_free_and_with_some_is_charged(
    cast: Cast,
    visit: Visit,
    lend_server: LendServer,
    provider_double: Double,
    provider: str,
    model_id: str,
    price: int,
) -> None:
    platform_key(provider)
    visitor, agent = visit(cast.edith, server=lend_server(**LIMITS)), make_agent(cast.acme, model_id)

    provider_double.script("trickle", bytes=1, seconds=0.5)
    slow = talk(visitor, agent).end.data
    provider_double.script("trickle", bytes=60, seconds=0.2)
    faster = talk(visitor, agent).end.data

    assert (slow["code"], slow["text"], slow["charged"]) == ("provider_timed_out", "", 0)
    assert (faster["state"], faster["charged"]) == ("cut", price)
    assert faster["text"]


def test_wire_full_of_nothing_is_cut_and_free(
    cast: Cast, visit: Visit, lend_server: LendServer, provider_double: Double
) -> None:
    platform_key()
    provider_double.script("chunks", chunks=[" " * 4000] * 100)

    end = talk(visit(cast.edith, server=lend_server(**LIMITS)), make_agent(cast.acme, "gpt-4o")).end.data

    assert (end["state"], end["text"], end["charged"]) == ("failed", "", 0)


class Memory:
    """The most memory a server's process had while this was open, above what it had before, in bytes."""

    def __init__(self, server: Server) -> None:
        self.process = psutil.Process(server.pid)
        self.peak = self.before = self.process.memory_info().rss
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self.over.wait(0.02):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self.thread.join()

    @property
    def growth(self) -> int:
        return self.peak - self.before


FLOODS = {
    "huge_output": {"megabytes": 40},
    "never_ending": {"tokens_per_s": 0},
    "gzip_bomb": {"megabytes": 200},
    "huge_line": {"bytes": 40_000_000},
}


def test_sixteen_floods_at_once_take_little_memory_and_let_others_through(
    cast: Cast, lend_server: LendServer, provider_double: Double, figure: Figure
) -> None:
    ledger.grant(
        cast.acme.account, amount=1000, kind="purchase", external_id="t", reason="a test", actor=None
    )
    platform_key("openai")
    platform_key("anthropic")
    quiet, session = make_agent(cast.acme, "gpt-4o-mini"), session_cookie(cast.edith)
    # The floods come from a double of their own: what is judged is our server, not how the double shares itself.
    with Double() as flooding:
        # The product's own time limits: what is to end these floods is their size.
        server = lend_server(ANTHROPIC_BASE_URL=flooding.anthropic_base_url)
        agents = [flooding_agent(cast, flooding, mode) for mode in FLOODS]
        calm = press_all(server, [press_by(session, quiet) for _ in range(20)])

        with Memory(server) as memory:
            answers = press_all(server, [press_by(session, agent) for agent in agents * 4 + [quiet] * 20])
        server.stop()

    ends = [answer.watched.end.data["state"] for answer in answers]
    assert ends == ["cut", "cut", "failed", "failed"] * 4 + ["completed"] * 20
    before, beside = (max(answer.seconds for answer in some) for some in (calm, answers[16:]))
    figure("16 floods, growth of the server's memory", f"{memory.growth / MEGABYTE:.0f} MB")
    figure("16 floods, slowest of 20 quiet replies before and beside them", f"{before:.2f} s, {beside:.2f} s")
    assert memory.growth < 50 * MEGABYTE


def flooding_agent(cast: Cast, double: Double, mode: str) -> Agent:
    chat_model = ChatModel.objects.create(name=mode, provider="anthropic", model_id=mode, price=1)
    double.script(mode, times=None, match={"model": mode}, **FLOODS[mode])
    return Agent.objects.create(workspace=cast.acme, name=mode, chat_model=chat_model)
