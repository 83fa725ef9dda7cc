"""How long a chat model stays: the words for it, and which notice is due on which day."""

import datetime as dt

import pytest

from llm import lifecycle
from llm.models import ChatModel
from llm.profiles import Profile

LAST = dt.date(2027, 1, 14)
LEAVING = Profile(shuts_down_on=LAST, replaced_by="gpt-6-luna")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("today", "words"),
    [
        ("2026-06-01", "shuts down 14 Jan 2027 · use GPT-6 Luna"),
        ("2027-01-13", "shuts down 14 Jan 2027 · use GPT-6 Luna"),
        ("2027-01-14", "was shut down on 14 Jan 2027 · use GPT-6 Luna"),
        ("2027-03-01", "was shut down on 14 Jan 2027 · use GPT-6 Luna"),
    ],
)
def test_the_last_day_in_words(today: str, words: str) -> None:
    assert lifecycle.last_day_words(LEAVING, day(today)) == words


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (Profile(), ""),
        (Profile(lifecycle="active"), ""),
        (Profile(shuts_down_on=LAST), "shuts down 14 Jan 2027"),
        (
            Profile(lifecycle="retired", replaced_by="claude-sonnet-5-5"),
            "was shut down · use Claude Sonnet 5.5",
        ),
        (Profile(lifecycle="deprecated", shuts_down_on=day("2027-01-01")), "shuts down today"),
        (Profile(lifecycle="active", shuts_down_on=day("2026-12-01")), "was to shut down on 1 Dec 2026"),
    ],
)
def test_the_words_follow_what_is_known(profile: Profile, words: str) -> None:
    assert lifecycle.last_day_words(profile, day("2027-01-01")) == words


@pytest.mark.parametrize(
    ("today", "stage"),
    [
        ("2026-11-14", None),
        ("2026-11-15", 60),
        ("2026-12-14", 60),
        ("2026-12-15", 30),
        ("2027-01-06", 30),
        ("2027-01-07", 7),
        ("2027-01-13", 7),
        ("2027-01-14", 0),
        ("2027-05-01", 0),
    ],
)
def test_the_nearest_stage_that_has_come(today: str, stage: int | None) -> None:
    assert lifecycle.stage(LEAVING, day(today)) == stage
    assert lifecycle.is_leaving(LEAVING, day(today)) == (stage is not None)


def test_a_retired_model_without_a_day_is_leaving_and_in_no_stage() -> None:
    retired = Profile(lifecycle="retired")

    assert lifecycle.is_leaving(retired, LAST)
    assert lifecycle.stage(retired, LAST) is None


def test_a_model_that_outlived_its_day_is_not_leaving() -> None:
    spared = Profile(lifecycle="active", shuts_down_on=day("2026-12-01"))

    assert lifecycle.stage(spared, day("2026-11-20")) == 30
    assert lifecycle.stage(spared, day("2026-12-01")) == 0
    assert lifecycle.stage(spared, day("2026-12-02")) is None
    assert not lifecycle.is_leaving(spared, day("2026-12-02"))


@pytest.mark.django_db
def test_a_successor_is_named_as_the_catalogue_names_it() -> None:
    rows = ChatModel.objects.filter(workspace=None).exclude(provider="local")

    assert {row.model_id: lifecycle.name_of(row.model_id) for row in rows} == {
        row.model_id: row.name for row in rows
    }
    assert lifecycle.name_of("o3") == "o3"
