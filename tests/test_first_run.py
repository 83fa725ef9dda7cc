"""A new user's first minutes: a copy of the project, an empty home, one command, and again."""

import re
import socket
import subprocess

import pytest

from tests.harness.fresh import ROOT, Copy, Running
from tests.harness.visitor import SignInFailed, Visitor

PASSWORD = re.compile(r"Sign in with the password (\S+)   \(shown this once\)")


def test_make_run_serves_signs_in_and_loses_nothing(copy: Copy) -> None:
    first = Running(copy)
    password = PASSWORD.search(first.output)
    assert password
    with Visitor(first.url) as edith:
        edith.sign_in("edith@acme.test", password.group(1))
        assert "Bookbag Guide" in edith.get("/w/acme/agents/").text
    assert first.interrupt() == 0
    assert first.output.rstrip().endswith("Bookbag has stopped.")
    assert "Traceback" not in first.output
    settings = (copy.directory / ".env").read_bytes()

    second = Running(copy)
    assert "the password shown when they were made" in second.output
    assert password.group(1) not in second.output
    with Visitor(second.url) as gina:
        gina.sign_in("gina@globex.test", password.group(1))
    second.interrupt()
    assert (copy.directory / ".env").read_bytes() == settings


def test_prepare_twice_makes_the_cast_once(copy: Copy) -> None:
    first, second = copy.prepare(), copy.prepare()
    assert (first.returncode, second.returncode) == (0, 0)
    assert "made: workspaces acme and globex" in first.stdout
    assert "Static files   collected" in first.stdout
    assert "Demo cast      there" in second.stdout
    assert "Static files   unchanged" in second.stdout
    for command in ("verify_ledger", "vault_check"):
        run = copy.manage(command)
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.any_database
def test_demo_password_can_be_given_and_changed(quick_copy: Copy) -> None:
    assert "the password first-choice\n" in quick_copy.prepare(DEMO_PASSWORD="first-choice").stdout
    running = Running(quick_copy, DEMO_PASSWORD="second-choice")
    with Visitor(running.url) as oscar:
        with pytest.raises(SignInFailed):
            oscar.sign_in("oscar@bookbag.test", "first-choice")
        oscar.sign_in("oscar@bookbag.test", "second-choice")
        assert oscar.get("/admin/").status_code == 200
    running.interrupt()


@pytest.mark.any_database
def test_lost_settings_do_not_get_new_keks_over_sealed_keys(quick_copy: Copy) -> None:
    quick_copy.prepare()
    (quick_copy.directory / ".env").unlink()
    again = quick_copy.prepare()
    assert again.returncode == 1
    assert "VAULT_KEYS is not set, but the database holds provider keys" in again.stderr
    assert not (quick_copy.directory / ".env").exists()


@pytest.mark.any_database
def test_port_in_use_is_said_before_anything_is_done(quick_copy: Copy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = quick_copy.manage("quickstart", PORT=str(port))
    assert run.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr
    assert f"PORT={port + 1} make run" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (quick_copy.directory / ".env").exists()


@pytest.mark.any_database
def test_platform_key_is_taken_from_the_environment_once(quick_copy: Copy) -> None:
    nowhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    secret = "sk-plAtf0rmKeyOfTheTests-aBcDeFgHiJkLmNoP9x7Z"
    first = quick_copy.prepare(
        OPENAI_API_KEY=secret, ANTHROPIC_API_KEY="sk-proj-wrong-provider-12345", **nowhere
    )
    assert "OpenAI sk-…9x7Z from OPENAI_API_KEY: provider not reached" in first.stdout
    assert "ANTHROPIC_API_KEY was not taken." in first.stdout
    second = quick_copy.prepare(OPENAI_API_KEY="sk-another-one-of-the-tests-000000000000", **nowhere)
    assert "OpenAI keeps sk-…9x7Z" in second.stdout
    for run in (first, second):
        assert secret not in run.stdout + run.stderr
        assert "wrong-provider" not in run.stdout + run.stderr


def test_help_of_make_lists_the_contract() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "lint", "soak", "bench", "provider-double"):
        assert f"make {target} " in listed
