"""Planted secrets are looked for in everything that a running Bookbag says, writes and keeps.

The secrets are entered through the forms that people use, at the real server with its log at DEBUG and
its access log on. tests/canary/ holds the scanner, with its own proof that it finds what it looks for.
"""

import os
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.management import call_command, get_commands
from django.utils import timezone

from llm import byo, keys
from llm.models import ProviderKey
from llm.providers import roster
from llm.vault import Secret
from tests.canary import planted, sinks, walk
from tests.canary.scanner import Scanner
from tests.canary.scene import Scene, hold_conversations
from tests.factories import make_user
from tests.harness import nursery
from tests.harness.cast import Cast, make_agent
from tests.harness.chat import MODELS, PROVIDERS, csrf, talk
from tests.harness.live import database_url
from tests.harness.provider import provider_variables
from tests.llm.test_forms import BAD, BODY
from tests.provider_double.client import Double
from tests.test_access_table import expected
from workspaces.models import User

pytestmark = [pytest.mark.django_db(transaction=True)]

KEY_FORM = "/w/acme/settings/llm/keys/openai/"
MODEL_FORM = "/w/acme/settings/llm/models/"
PLATFORM_FORM = "/admin/llm/platformkey/add/"


def kept(scene: Scene) -> dict[str, list[sinks.Sink]]:
    """What the server has written down, by kind."""
    return {
        "columns": list(sinks.database_columns()),
        "files of the database": list(sinks.database_files()),
        "SQL": list(sinks.sql_dump()),
        "sessions": list(sinks.sessions()),
        "cache": list(sinks.cached(scene.directory / "cache")),
        "mails": list(sinks.mails(scene.directory / "mails")),
        "log": [("the server's log", scene.server.output.encode())],
    }


def leaks_in(scene: Scene) -> list[str]:
    """What was found in answers and in what was written down. Logs and mails may not hold talk either."""
    written = kept(scene)
    reports = [*written["log"], *written["mails"], *written["cache"]]
    everywhere = [sink for found in written.values() for sink in found]
    return (
        scene.found + sinks.leaks(scene.scanner, everywhere) + sinks.leaks(planted.not_in_reports(), reports)
    )


@pytest.mark.any_database
def test_no_address_shows_a_secret_to_anybody(scene: Scene) -> None:
    hold_conversations(scene)
    seen, due = {}, {}
    for row in walk.rows():
        for who in scene.people:
            status = walk.ask(scene, who, row).status_code
            if row.method == "GET" and row.name not in ("readyz", "llm:delete_key"):
                seen[str(row), who], due[str(row), who] = status, expected(row, who)
    walk.ask_in_every_other_way(scene)

    assert leaks_in(scene) == []
    # The pages were really seen: whoever may open one, opened it.
    assert seen == due
    assert all(kept(scene)[kind] for kind in ("columns", "sessions", "mails"))
    assert f'"POST {KEY_FORM} HTTP/1.1" 302' in scene.server.output


@pytest.mark.any_database
def test_operators_see_masks_alone(scene: Scene) -> None:
    hold_conversations(scene)
    walk.leave_traces(scene)
    assert walk.models_without_rows() == set()
    paths = walk.admin_paths()
    helper = make_user("helper@bookbag.test", is_staff=True)
    for operator in (scene.cast.oscar, helper):
        pages = {path: scene.visitor(operator).get(path).status_code for path in paths}
        assert {status for status in pages.values() if status >= 500} == set()
        for path, fields in walk.bulk_actions():
            scene.post(operator, path, **fields)
    for path in paths:
        if path.endswith(("/verify/", "/restore/")):
            scene.post(scene.cast.oscar, path)

    assert leaks_in(scene) == []
    assert ProviderKey.objects.filter(state="active", workspace=None).count() == len(roster.KEYED)


def test_secret_reaches_its_own_provider_in_one_header_alone(scene: Scene) -> None:
    cast, asked = scene.cast, {"acme": planted.new_prompt(), "globex": planted.new_prompt()}
    owners = [(cast.acme, cast.edith, planted.ACME), (cast.globex, cast.gina, planted.GLOBEX)]
    hold_conversations(scene)
    scene.double.script("401", match={"secret": planted.ACME["openai"]}, times=1)
    for workspace, member, _ in owners:
        byo.set_byo(workspace, enabled=True, by=member)
        for provider in PROVIDERS:
            agent = make_agent(workspace, MODELS[provider][0], name=f"On {provider}")
            talk(scene.visitor(member), agent, asked[workspace.slug])
    calls = scene.double.calls()

    assert scene.double.redirect_hits() == []
    assert {name for call in calls for name in headers_with_a_secret(call)} == {"authorization"}
    assert [call["path"] for call in calls if planted.nowhere().find(f"{call['path']} {call['body']}")] == []
    assert {call["host"] for call in calls} == {scene.double.url.removeprefix("http://")}
    for workspace, _, secrets in owners:
        spent = {(c["provider"], c["secret"]) for c in calls if asked[workspace.slug] in str(c["messages"])}
        assert spent == set(secrets.items())
    assert {call["secret"] for call in calls} <= set(planted.SECRETS.values())


def headers_with_a_secret(call: dict[str, Any]) -> set[str]:
    return {name for name, value in call["headers"].items() if planted.nowhere().find(value)}


# --- Secrets where they do not belong ---------------------------------------------------------------


def misfits() -> list[tuple[str, str]]:
    """Texts that a key form refuses, each with the body of its own that is to be looked for."""
    shapes = [text for text in BAD.values() if BODY in text and text.isprintable() | text.isascii()]
    bodies = [planted.new_secret("")[:24] for _ in shapes]
    huge = planted.new_secret("")
    return [*((text.replace(BODY, body), body) for text, body in zip(shapes, bodies, strict=True)), (
        f"sk-{huge * 230}", huge)]  # fmt: skip


def look_for(scene: Scene, bodies: list[str]) -> None:
    scene.scanner = Scanner(planted.SECRETS | {f"body {n}": body for n, body in enumerate(bodies)})


def test_refused_secret_is_neither_shown_nor_kept(scene: Scene) -> None:
    refused = misfits()
    look_for(scene, [body for _, body in refused])
    before = ProviderKey.objects.count()
    statuses = set()
    for text, _ in refused:
        for provider in PROVIDERS:
            path = f"/w/acme/settings/llm/keys/{provider}/"
            statuses.add(scene.post(scene.cast.adam, path, secret=text).status_code)
            fields = {"provider": provider, "secret": text}
            statuses.add(scene.post(scene.cast.oscar, PLATFORM_FORM, **fields).status_code)

    assert leaks_in(scene) == []
    assert statuses == {200}
    assert ProviderKey.objects.count() == before


def test_secret_in_a_wrong_place_is_neither_shown_nor_kept(scene: Scene) -> None:
    lost = [planted.new_secret(prefix) for prefix in ("sk-", "sk-ant-", "sk-proj-")]
    look_for(scene, lost)
    adam, anonymous, path = scene.visitor(scene.cast.adam), scene.visitor(None), KEY_FORM
    for secret in lost:
        # The way to the sign-in page repeats the address that the person came with, to that person alone.
        for address in (f"/w/acme/settings/llm/?secret={secret}", f"/w/{secret}/settings/llm/"):
            adam.get(address)
            httpx.get(f"{scene.server.url}{address}")
        for visitor in (adam, anonymous):
            token = {"x-csrftoken": csrf(visitor)}
            visitor.get(f"/w/acme/settings/llm/keys/{secret}/")
            visitor.get(f"/{secret}", headers={"referer": f"{scene.server.url}/?secret={secret}"})
            visitor.get("/healthz", headers={"authorization": f"Bearer {secret}", "x-api-key": secret})
            visitor.get("/healthz", headers={"host": f"{secret}.test"})
            visitor.post(path, data={"secret": secret})  # without a token
            visitor.post(path, json={"secret": secret}, headers=token)
            visitor.post(path, files={"secret": (secret, secret)}, headers=token)
            visitor.post(path, content=f"secret={secret}", headers=token)
            visitor.post(path, data={"secret": secret}, headers={**token, "origin": f"https://{secret}.test"})
            visitor.post(
                "/accounts/login/", data={"login": "olivia@acme.test", "password": secret}, headers=token
            )
            visitor.post("/accounts/reauthenticate/", data={"password": secret}, headers=token)
            visitor.post(
                MODEL_FORM, data={"provider": "openai", "model_id": secret, "name": secret}, headers=token
            )
            visitor.post(
                MODEL_FORM, data={"provider": "anthropic", "model_id": "x", "name": secret}, headers=token
            )
            visitor.post(MODEL_FORM, data={"provider": secret, "model_id": "x"}, headers=token)
            visitor.post("/w/acme/settings/llm/byo/", data={"byo_enabled": secret}, headers=token)

    assert leaks_in(scene) == []
    assert kept(scene)["cache"] != []


def test_secret_typed_with_a_stale_sign_in_is_kept_nowhere_but_sealed(scene: Scene) -> None:
    secret = planted.new_secret("sk-", odd=True)
    look_for(scene, [secret])
    adam = scene.visitor(scene.cast.adam)
    User.objects.filter(pk=scene.cast.adam.pk).update(last_login=timezone.now() - timedelta(hours=1))
    store = sinks.session_store(adam.cookies["session"])
    store.pop("account_authentication_methods")
    store.save()
    asked = scene.post(scene.cast.adam, KEY_FORM, secret=secret)
    assert (asked.status_code, asked.text.count('name="current_password"')) == (200, len(roster.KEYED))
    guessed = scene.post(scene.cast.adam, KEY_FORM, secret=secret, current_password="a guess")
    assert "That is not your password" in guessed.text
    assert leaks_in(scene) == []
    confirmed = scene.post(scene.cast.adam, KEY_FORM, secret=secret, current_password=scene.cast.password)
    assert confirmed.status_code == 302
    assert leaks_in(scene) == []


# --- Commands and copies ----------------------------------------------------------------------------

# Every command of ours, with arguments to run it with here. `quickstart` runs as a process of its own.
COMMANDS: dict[str, tuple[str, ...]] = {
    "migrate": (),
    "seed_demo": (),
    "grant_credits": ("acme", "5", "--reason", "Canary"),
    "run_billing_cycle": (),
    "verify_ledger": (),
    "sweep_holds": (),
    "refresh_models": (),
    "tell_of_shutdowns": (),
    "vault_check": (),
    "vault_rotate": (),
    "vault_rewrap": (),
    "vault_upkeep": (),
}
OURS = ("bookbag", "workspaces", "billing", "llm", "agents")
# Django's own that print what is stored, and ours once more from a shell, arguments and log included.
PROCESSES = (
    ("dumpdata",),
    ("vault_check", "--traceback", "--verbosity", "3"),
    ("quickstart", "--no-serve"),
    ("train_worker", "--until-empty"),
)


def enter_directly(cast: Cast) -> None:
    for provider in PROVIDERS:
        for workspace, secrets in (
            (cast.acme, planted.ACME_BEFORE), (cast.acme, planted.ACME), (cast.globex, planted.GLOBEX),
        ):  # fmt: skip
            keys.replace(workspace, provider=provider, secret=Secret(secrets[provider]), by=cast.adam)


def run(*command: str, **env: str) -> list[sinks.Sink]:
    """Both outputs of a command, run as its own process on the database of this test."""
    everything = os.environ | {"DJANGO_SETTINGS_MODULE": "bookbag.settings", "DATABASE_URL": database_url()}
    done = nursery.shared().run(list(command), everything | env)
    assert done.returncode == 0, f"{command} ended with {done.returncode}"
    said = " ".join(command)
    return [(f"output of {said}", done.stdout.encode()), (f"errors of {said}", done.stderr.encode())]


def test_every_command_is_tried() -> None:
    ours = {name for name, app in get_commands().items() if app in OURS}

    # What `serve` prints is looked through by every scene of tests/canary, and what `move_database` prints by its own
    # tests, which have a database to move to.
    apart = {name for name, *_ in PROCESSES} & ours
    assert ours == {*COMMANDS, *apart, "serve", "move_database"}


def test_no_command_prints_a_secret(
    cast: Cast, provider_double: Double, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    enter_directly(cast)
    caplog.set_level("DEBUG")
    capfd.readouterr()
    for name, arguments in COMMANDS.items():
        call_command(name, *arguments, verbosity=3)
    call_command("dumpdata", "llm", "workspaces", format="xml")
    out, err = capfd.readouterr()

    assert "opens" in out
    assert sinks.leaks(planted.nowhere(), [("output", out.encode()), ("errors", err.encode())]) == []
    assert planted.nowhere().find(caplog.text) == []


def test_no_process_prints_a_secret_that_it_was_given_or_finds_stored(
    cast: Cast, provider_double: Double, collected_static: None
) -> None:
    enter_directly(cast)
    env = {
        **{one.api_key_setting: planted.PLATFORM[one.name] for one in roster.KEYED},
        **provider_variables(provider_double),
        "LOG_LEVEL": "DEBUG",
    }
    printed = [sink for command in PROCESSES for sink in run(*command, **env)]

    assert sinks.leaks(planted.nowhere(), printed) == []
    assert ProviderKey.objects.filter(workspace=None, state="active").count() == len(roster.KEYED)
    assert b"llm.providerkey" in dict(printed)["output of dumpdata"]
