"""Figures in help pages and templates equal those of the code.

Whoever changes one is led to each sentence that has it; whoever writes a new sentence with a figure adds it to SAID.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings

from agents import comparing, conversations
from agents.running import local
from agents.sources import adding, website
from billing import usage
from billing.models import Plan
from bookbag.operations import abuse
from bookbag.pages import llm_overview
from llm import keys, lifecycle, shape
from llm.models import ChatModel, ProviderKey
from tests.test_imports import ROOT
from workspaces import inbox, invitations, sso_pages

NUMBERS = "no one two three four five six seven eight nine ten".split()
HELP, TEMPLATES = "docs/help", "templates"
# A figure with its unit, in digits or in letters. Prices and plans are held by tests of their own.
FIGURE = re.compile(
    r"(?<![\w.,-])(?:\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten)\s+"
    r"(?:seconds?|minutes?|hours?|days|MB|KiB|pages|links|workspaces|sections|characters|models)\b",
    re.IGNORECASE,
)
SHOWN_OF_A_KEY = ProviderKey._meta.get_field("tail").max_length or 0
# Figures that are not ours but come from the standards of apps that show codes.
NOT_OURS = {"shows a new code every 30 seconds", "a new code of six digits every 30 seconds"}


def minutes(time: timedelta | float) -> int:
    return round((time.total_seconds() if isinstance(time, timedelta) else time) / 60)


def hours(time: timedelta) -> int:
    return minutes(time) // 60


def said() -> dict[str, list[str]]:
    """By file, the texts that contain a figure of the code."""
    undo = f"for {NUMBERS[minutes(adding.UNDO)]} minutes"
    asked_again = f"{minutes(settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)} minutes"
    restore, invited = f"{hours(keys.RESTORE_WITHIN)} hours", f"{hours(invitations.LIFE)} hours"
    *earlier, first, _ = lifecycle.STAGES
    stages = f"{', '.join(map(str, earlier))} and {first} days before"
    of_own_keys = f"last {llm_overview.COST_DAYS} days"
    used = f"last {usage.WINDOW.days} days"
    lapses = settings.LEASE_SECONDS + settings.SWEEP_SECONDS
    return {
        f"{HELP}/agents-and-sources.md": [
            f"up to {settings.SOURCE_FILE_MB} MB each",
            f"up to {NUMBERS[website.MOST_DEPTH]} links away from the start and up to {settings.WEBSITE_PAGES} pages",
            f"For {undo.removeprefix('for ')}, Undo on the same page",
            f"can be brought back {undo}",
            f"{NUMBERS[comparing.LEAST]} to {NUMBERS[comparing.MOST]} models",
        ],
        f"{HELP}/bookbag-local.md": [f"at most {NUMBERS[local.MOST_NEAR]} sections"],
        f"{HELP}/bring-your-own-keys.md": [
            f"signed in more than {asked_again} ago",
            f"with one click for {restore}",
            f"After those {restore}",
            f"{settings.PROVIDER_KEY_MAX_AGE_DAYS} days old",
            f"the last {NUMBERS[SHOWN_OF_A_KEY]} characters",
            of_own_keys,
        ],
        f"{HELP}/credits-and-usage.md": [
            f"our limit of {settings.REPLY_WALL_SECONDS:g} seconds or {settings.REPLY_TEXT_BYTES // 1024} KiB",
            f"within about {lapses:g} seconds",
            f"up to {settings.WORKSPACES_PER_OWNER} workspaces",
            used,
        ],
        f"{HELP}/members-and-roles.md": [
            f"works once, for {invited}",
            f"within its {invited}",
            f"older than {asked_again}",
        ],
        f"{HELP}/models.md": [
            f"There are {NUMBERS[ChatModel.objects.filter(workspace=None).count()]} models",
            f"From {lifecycle.STAGES[0]} days before",
            stages,
        ],
        f"{TEMPLATES}/admin/abuse.html": [f"last {abuse.RECENT.days} days", f"last {abuse.SPENDING.days} days"],
        f"{TEMPLATES}/agents/_answers_from.html": [f"can be brought back {undo}"],
        f"{TEMPLATES}/agents/admin/_leaving.html": [stages],
        f"{TEMPLATES}/agents/conversations.html": [f"for {NUMBERS[minutes(conversations.UNDO)]} minutes"],
        f"{TEMPLATES}/bookbag/credits/_usage.html": [used],
        f"{TEMPLATES}/bookbag/llm_settings/_key_form.html": [f"can be restored for {restore}"],
        f"{TEMPLATES}/bookbag/llm_settings/_provider_card.html": [of_own_keys.capitalize()],
        f"{TEMPLATES}/bookbag/llm_settings/_spending.html": [of_own_keys],
        f"{TEMPLATES}/bookbag/own_account/notices.html": [f"Kept for {inbox.KEPT.days} days"],
        f"{TEMPLATES}/llm/mail/model_leaves.txt": [stages],
        f"{TEMPLATES}/sso/refused.html": [f"more than {NUMBERS[minutes(sso_pages.SECONDS)]} minutes ago"],
        f"{TEMPLATES}/workspaces/_invite.html": [f"works once, for {invited}"],
        f"{TEMPLATES}/workspaces/invitation_over.html": [f"is good for {invited}"],
    }  # fmt: skip


def pages() -> Iterator[tuple[str, str]]:
    """Each file that people read, with its words on one line."""
    for path in [*(ROOT / HELP).rglob("*.md"), *(ROOT / TEMPLATES).rglob("*.*")]:
        yield str(path.relative_to(ROOT)), " ".join(path.read_text(encoding="utf-8").split())


@pytest.mark.django_db
@pytest.mark.any_database
def test_what_pages_say_of_limits_is_what_the_code_does() -> None:
    found = dict(pages())

    assert [
        (page, words) for page, known in said().items() for words in known if words not in found[page]
    ] == []


@pytest.mark.django_db
@pytest.mark.any_database
def test_no_other_figure_is_written_out() -> None:
    known = said()

    left = {
        page: FIGURE.findall(without(words, {*known.get(page, ()), *NOT_OURS})) for page, words in pages()
    }

    assert {page: figures for page, figures in left.items() if figures} == {}
    assert FIGURE.findall("For ten minutes, up to 20 MB") == ["ten minutes", "20 MB"]


def without(text: str, phrases: set[str]) -> str:
    for phrase in sorted(phrases, key=len, reverse=True):
        text = text.replace(phrase, "")
    return text


@pytest.mark.django_db
@pytest.mark.any_database
def test_sentences_about_plans_are_those_of_the_product() -> None:
    found = dict(pages())
    plans = list(Plan.objects.exclude(slug="enterprise"))

    for plan in plans:
        limits = f"{counted(plan.agent_limit, 'agent')}, {counted(plan.seat_limit, 'seat')}"
        told = f"The {plan} plan has {plan.monthly_credits:,} credits a month, {limits} and {plan.source_limit:,} sources"
        assert told in found[f"{HELP}/credits-and-usage.md"]
    agents = ", ".join(f"{plan} {plan.agent_limit}" for plan in plans).replace(" ", " has ", 1)
    sources = ", ".join(f"{plan} {plan.source_limit:,}" for plan in plans)
    assert agents in found[f"{HELP}/agents-and-sources.md"]
    assert sources in found[f"{HELP}/agents-and-sources.md"]


def counted(number: int | None, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def test_masks_show_as_many_characters_as_they_hold() -> None:
    assert len(shape.mask_parts("sk-" + "a" * 40, "openai")[1]) == SHOWN_OF_A_KEY
