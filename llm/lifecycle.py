"""The last day of a chat model in words, its replacement, and which notice about it is due.

Decided from a profile and a day alone. `today` is always the date in UTC.
"""

import datetime as dt
import re

from llm.profiles import DATED, Profile
from llm.providers import roster

# The admins are mailed this many days before the last day. Pages give notice from the first stage on.
STAGES = (60, 30, 7, 0)

# Parts of model ids that the providers write in small letters ("GPT-4o mini").
_SMALL = {"mini", "nano", "turbo", "pro", "chat", "latest"}


def last_day_words(profile: Profile, today: dt.date) -> str:
    """For people: "shuts down 14 Jan 2027 · use GPT-6 Luna", or "was shut down on …". Empty when no end is known."""
    end = end_words(profile, today)
    if not end or not profile.replaced_by:
        return end
    return f"{end} · use {name_of(profile.replaced_by)}"


def end_words(profile: Profile, today: dt.date) -> str:
    """The same without what takes over."""
    day = profile.shuts_down_on
    if profile.is_gone(today):
        return f"was shut down on {day_words(day)}" if day and day <= today else "was shut down"
    if day is None:
        return ""
    if day == today:
        return "shuts down today"
    # The account's list says that the model still runs, although its announced last day may have passed.
    return f"shuts down {day_words(day)}" if day > today else f"was to shut down on {day_words(day)}"


def day_words(day: dt.date) -> str:
    return f"{day.day} {day:%b %Y}"


def is_leaving(profile: Profile, today: dt.date) -> bool:
    """Whether pages give notice: the model is gone, or leaves within the days of the first stage."""
    return profile.is_gone(today) or stage(profile, today) is not None


def stage(profile: Profile, today: dt.date) -> int | None:
    """The latest of STAGES that has come, in days before the last day.

    None before the first stage, without a known last day, and when the day has passed but the account's list says
    that the model still runs.
    """
    day, left = profile.shuts_down_on, profile.days_left(today)
    if day is None or left is None or (day < today and not profile.is_gone(today)):
        return None
    return min((days for days in STAGES if days >= left), default=None)


# Two short numbers in a row are parts of one version.
WITHIN_VERSION = re.compile(r"(?<=\d) (?=\d{1,2}\b)")


def name_of(model_id: str) -> str:
    """A provider's id as people write it: gpt-6-luna is GPT-6 Luna, claude-haiku-4-5-20251001 is Claude Haiku 4.5."""
    family, *rest = DATED.sub("", model_id).split("-")
    begins = next((one.families[family] for one in roster.KEYED if family in one.families), "")
    return begins + WITHIN_VERSION.sub(".", " ".join(map(_word, rest))) if begins and rest else model_id


def _word(part: str) -> str:
    return part if part in _SMALL else part.capitalize()
