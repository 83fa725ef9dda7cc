"""README followed by somebody who has nothing: one command, and what it prints, to a reply on one's own key."""

import re
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from django.core.management import get_commands
from playwright.sync_api import Browser, Page, expect

from bookbag import demo
from llm.providers import roster
from tests.harness.browser import set_byo
from tests.harness.fresh import ROOT, Copy, Running
from tests.harness.visitor import Visitor
from tests.harness.waiting import eventually

pytestmark = pytest.mark.any_database
QUESTION = re.compile(r"ask “(What happens when the credits\s+run out\?)”")
PERSON = re.compile(r"^    (\S+@\S+)  ", re.MULTILINE)


class Printed:
    """What a newcomer reads in the terminal."""

    def __init__(self, output: str) -> None:
        self.text = output
        self.password = self.find(r"Sign in with the password (\S+)")
        self.double = self.find(rf"A stand-in for {roster.labels('and')} is at (http://\S+)\. Made-up keys")
        self.question = " ".join(self.find(QUESTION.pattern).split())

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, self.text
        return found[1]

    def secret(self, provider: str) -> str:
        return self.find(rf"    {provider} +(sk-\S+)")


def is_open(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as attempt:
        return attempt.connect_ex((str(parts.hostname), int(parts.port or 0))) == 0


def sign_in(browser: Browser, url: str, email: str, password: str) -> Page:
    page = browser.new_context(base_url=url, reduced_motion="reduce").new_page()
    page.set_default_timeout(15_000)
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    return page


def ask(page: Page, agent: str, question: str) -> str:
    """From the list of agents to the reply in the playground; returns the badge that says who paid."""
    page.goto("/w/acme/agents/")
    page.get_by_role("link", name=agent, exact=True).click()
    page.get_by_role("link", name="Open playground").click()
    page.get_by_label("Your message").fill(question)
    page.get_by_role("button", name="Send").click()
    turn = page.locator(".chat__turn").last
    # While the reply runs, the badge is no link to its receipt yet, and credits are held.
    badge = turn.locator(".chat__meta a.badge")
    expect(badge).to_be_visible()
    return badge.inner_text()


def test_the_printed_lines_end_in_a_reply_on_ones_own_key(quick_copy: Copy, browser: Browser) -> None:
    running = Running(quick_copy, "--with-double")
    printed = Printed(running.output)
    assert PERSON.findall(printed.text) == [person.email for person in demo.CAST]
    for email in PERSON.findall(printed.text):
        with Visitor(running.url) as visitor:
            visitor.sign_in(email, printed.password)

    edith = sign_in(browser, running.url, demo.EDITH.email, printed.password)
    assert "free" in ask(edith, demo.AGENT_NAME, printed.question)
    edith.goto("/w/acme/agents/new/")
    edith.get_by_label("Name", exact=True).fill("Edith's own")
    edith.locator("main button[type=submit]").click()
    expect(edith.get_by_role("heading", level=1)).to_have_text("Edith's own")

    adam = sign_in(browser, running.url, demo.ADAM.email, printed.password)
    adam.goto("/w/acme/settings/llm/")
    adam.get_by_label("OpenAI key", exact=True).fill(printed.secret("OpenAI"))
    adam.get_by_role("region", name="OpenAI").get_by_role("button", name="Save key").click()
    expect(adam.locator(".mask").first).to_have_text(f"sk-…{printed.secret('OpenAI')[-4:]}")
    set_byo(adam, on=True)
    assert ask(adam, f"{demo.AGENT_NAME} on OpenAI", printed.question) == "your OpenAI key"

    oscar = sign_in(browser, running.url, demo.OSCAR.email, printed.password)
    oscar.goto("/admin/llm/platformkey/add/")
    oscar.get_by_label("Provider").select_option(label="Anthropic")
    oscar.locator("input[name=secret]").fill(printed.secret("Anthropic"))
    oscar.locator("input[type=submit]").first.click()
    expect(oscar.get_by_text("Anthropic accepts it")).to_be_visible()
    set_byo(adam, on=False)
    assert ask(adam, f"{demo.AGENT_NAME} on Anthropic", printed.question) == "1 credit"

    assert is_open(printed.double)
    assert running.interrupt() == 0
    assert not is_open(printed.double)
    assert "Traceback" not in running.output
    # README: the stand-in is for one start, and nothing of it is kept.
    assert "BASE_URL" not in (quick_copy.directory / ".env").read_text(encoding="utf-8")


def test_usual_ports_that_are_taken_are_left_to_whoever_has_them(quick_copy: Copy) -> None:
    with ExitStack() as stack:
        for port in (8000, 8010):
            # Somebody else's program on it is as good as ours.
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
        running = Running(quick_copy, "--with-double", PORT="")
        double = Printed(running.output).double
    assert {urlsplit(url).port for url in (running.url, double)}.isdisjoint({8000, 8010})
    with Visitor(running.url) as nobody:
        assert nobody.get("/accounts/login/").status_code == 200

    # However Bookbag ends, the stand-in ends as well.
    running.process.kill()
    running.process.wait()
    assert eventually(lambda: not is_open(double), seconds=30)


def test_stand_in_that_is_not_there_is_said(quick_copy: Copy) -> None:
    shutil.rmtree(quick_copy.directory / "tests")
    missing = quick_copy.manage("quickstart", "--with-double")
    assert (missing.returncode, missing.stderr.splitlines()[-1]) == (
        1,
        "CommandError: The stand-in (tests.provider_double) is missing here: it comes with a whole checkout of Bookbag.",
    )
    senseless = quick_copy.manage("quickstart", "--with-double", "--no-serve")
    assert "leave one of them out" in senseless.stderr
    assert not (quick_copy.directory / ".env").exists()


# --- The commands that README names ------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_make_runs_the_commands_that_readme_names_and_ends_what_it_runs(quick_copy: Copy) -> None:
    named = re.findall(r"`(\w+)`", README.split("`make manage` needs the settings", 1)[1].split("## ", 1)[0])
    assert len(named) == 17
    assert set(named) <= set(get_commands())

    # Nothing is on the PATH that a bare machine lacks.
    bare = Copy(
        quick_copy.directory, quick_copy.env | {"PATH": "/usr/bin:/bin", "UV_PROJECT_ENVIRONMENT": sys.prefix}
    )
    running = Running(bare, command=["make", "run", "ARGS=--with-double", "UV=true"])
    double = Printed(running.output).double
    # Django's start is the same for all; these show that words and quotes arrive.
    for arguments in ('grant_credits acme 100 --reason "thanks a lot"', "verify_ledger"):
        done = subprocess.run(
            ["make", "manage", f"ARGS={arguments}", "UV=true"],
            cwd=bare.directory, env=bare.env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)

    running.process.terminate()
    assert eventually(lambda: not is_open(running.url) and not is_open(double), seconds=30)


def test_readme_names_no_target_that_make_lacks_and_no_program_that_a_bare_machine_lacks() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`| )make ([a-z-]+)(?=`| {2,}#| ARGS=|$)", README, re.MULTILINE))
    assert {"run", "test", "manage", "provider-double"} <= named <= targets
    assert "uv run" not in README
