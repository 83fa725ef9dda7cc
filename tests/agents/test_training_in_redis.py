"""The same jobs in a Redis, with a real one: trained by a worker apart, and lost with it to no harm."""

import pytest
from django.db.models.functions import Now

from agents.models import Agent, Source
from agents.sources import jobs
from tests.agents import websites
from tests.agents.test_train_worker import PAGE, ended, is_ready, known, worker
from tests.harness.cast import Cast
from tests.harness.live import Server, StartServer
from tests.harness.redis import Redis
from tests.harness.visitor import Visit, Visitor
from tests.harness.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT = 90.0
LONG = "# Hours\n\nWe open at nine.\n\n" + "Nothing else is said here. " * 2_000


@pytest.fixture
def env(redis_server: Redis) -> dict[str, str]:
    return {"JOBS": "redis", "REDIS_URL": redis_server.url}


@pytest.fixture
def server(agent: Agent, start_server: StartServer, env: dict[str, str]) -> Server:
    return start_server(**env, FETCH_LOOPBACK="true", TRAIN_WORKERS="0", SWEEP_SECONDS="1")


@pytest.fixture
def edith(cast: Cast, visit: Visit, server: Server) -> Visitor:
    return visit(cast.edith, server=server)


def add_text(edith: Visitor, agent: Agent, title: str = "Hours") -> Source:
    text = f"# {title}\n\n{LONG}"
    answer = edith.submit(f"/w/acme/agents/{agent.pk}/sources/new/", title=title, text=text)
    assert answer.status_code == 302, answer.text
    return agent.sources.get(title=title)


def test_a_text_a_file_and_a_website_are_trained_by_a_worker_apart(
    agent: Agent, edith: Visitor, redis_server: Redis, env: dict[str, str]
) -> None:
    page = f"/w/acme/agents/{agent.pk}/"
    with websites.serving() as site:
        site.pages |= {path: PAGE.format(title) for path, title in (("/", "Ants"), ("/a", "Bees"))}
        add_text(edith, agent)
        token = edith.csrf_token(page)
        edith.post(
            f"{page}sources/files/",
            data={"csrfmiddlewaretoken": token},
            files={"files": ("hours.md", b"# Days\n\nClosed on Monday.")},
        )
        edith.submit(f"{page}sources/website/", url=site.url, recrawl="")
        assert (agent.sources.filter(state="queued").count(), redis_server.waiting) == (3, 3)

        with worker(**env) as apart:
            ended(apart)

    assert list(agent.sources.listed().values_list("state", flat=True)) == ["ready"] * 3
    assert known(agent.sources.get(kind="website")) == {"Ants", "Bees"}
    assert redis_server.waiting == 0


def test_while_redis_is_away_a_source_is_taken_in_and_trained_once_it_is_back(
    agent: Agent, edith: Visitor, server: Server, redis_server: Redis, env: dict[str, str]
) -> None:
    redis_server.kill()
    source = add_text(edith, agent)
    assert source.state == "queued"

    redis_server.start()
    assert eventually(lambda: redis_server.waiting, seconds=PATIENT), server.output
    with worker(**env) as apart:
        ended(apart)

    assert is_ready(source)


def test_a_job_that_was_lost_with_redis_is_found_again(
    agent: Agent, edith: Visitor, server: Server, redis_server: Redis, env: dict[str, str]
) -> None:
    source = add_text(edith, agent)
    redis_server.kill()
    redis_server.start()
    assert redis_server.waiting == 0

    Source.objects.filter(pk=source.pk).update(queued_at=Now() - jobs.LOST)
    assert eventually(lambda: redis_server.waiting, seconds=PATIENT), server.output
    with worker(**env) as apart:
        ended(apart)

    assert is_ready(source)


def test_the_servers_worker_goes_on_when_redis_was_killed_and_is_back(
    cast: Cast,
    visit: Visit,
    agent: Agent,
    start_server: StartServer,
    redis_server: Redis,
    env: dict[str, str],
) -> None:
    server = start_server(**env, TRAIN_WORKERS="1")
    edith = visit(cast.edith, server=server)
    first = add_text(edith, agent)
    assert eventually(lambda: is_ready(first), seconds=PATIENT), server.output

    redis_server.kill()
    redis_server.start()
    second = add_text(edith, agent, "Days")

    assert eventually(lambda: is_ready(second), seconds=PATIENT), server.output
