"""Profiles: what a chat model accepts and how long it stays, decided from facts alone.

A *provider* is who is asked, a *chat model* is what an agent is set to, a *profile* is what may be asked of it. For
each property, the first of these sources that says something about it decides:

1. what the account's own model list said (`ListedProfile`, stored when a key is verified),
2. what a refusal taught (`left_out`),
3. an operator's or admin's own word (`OwnWord`): it can set right a rule, not what the provider itself says,
4. the rules below, by family and version; an id that no rule knows gets the careful row: no temperature, no effort.

Rules compare versions instead of listing ids, so that they also fit a model that is released later. They follow what
the two providers had published by 25 November 2026: OpenAI's model pages and API reference for chat completions,
Anthropic's pages on effort, thinking and API version 2026-10-21, and both lists of deprecations. Nothing here reads
the database, a request or a setting.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from llm.providers import roster

EFFORT_PARAMETERS = frozenset(filter(None, (one.effort_parameter for one in roster.KEYED)))
THINKING_PARAMETERS = frozenset(filter(None, (one.thinking_parameter for one in roster.KEYED)))

# Effort levels, weakest first, in the providers' words; `none` turns thinking off.
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
OFF = "none"

# The default for the most tokens of an answer; tokens spent on thinking count.
TEXT_ALLOWANCE = 4_096
THINKING_ALLOWANCE = 16_384


class Temperature(StrEnum):
    TAKEN = "taken"
    WITHOUT_THINKING = "without_thinking"  # only while thinking is off
    REFUSED = "refused"


class Thinking(StrEnum):
    NO = "no"
    OPTIONAL = "optional"
    ALWAYS = "always"
    UNKNOWN = "unknown"


class Api(StrEnum):
    CHAT = "chat"
    RESPONSES = "responses"  # OpenAI's other API, which Bookbag does not speak
    NONE = "none"  # speech, images, embeddings: nothing to talk to


class Lifecycle(StrEnum):
    """What a provider's list says of a model, in Anthropic's words; OpenAI's says nothing."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ListedProfile:
    """What an account's model list says about one model; None and empty where it says nothing."""

    lifecycle: str = ""  # one of Lifecycle, or empty
    shuts_down_on: dt.date | None = None
    context_tokens: int | None = None
    output_limit: int | None = None
    efforts: tuple[str, ...] | None = None
    thinking: tuple[str, ...] | None = None  # Anthropic's kinds: adaptive, disabled, between_tools, …


@dataclass(frozen=True, slots=True)
class OwnWord:
    """What an operator or an admin entered about a model; None and empty where nothing was entered."""

    takes_temperature: bool | None = None
    efforts: tuple[str, ...] = ()
    output_limit: int | None = None
    context_tokens: int | None = None
    shuts_down_on: dt.date | None = None
    replaced_by: str = ""


NO_WORD = OwnWord()


@dataclass(frozen=True, slots=True)
class Profile:
    """What may be asked of one chat model.

    `efforts`: the levels it offers, weakest first. `default_effort`: the level sent unless an agent has another;
    empty sends none. `off`: Anthropic's word for no thinking. Tokens are counted as the provider does.
    """

    temperature: Temperature = Temperature.REFUSED
    thinking: Thinking = Thinking.UNKNOWN
    efforts: tuple[str, ...] = ()
    default_effort: str = ""
    off: str = ""
    allowance: int = THINKING_ALLOWANCE
    output_limit: int | None = None
    context_tokens: int | None = None
    api: Api = Api.CHAT
    lifecycle: str = ""
    shuts_down_on: dt.date | None = None
    replaced_by: str = ""

    @property
    def may_think(self) -> bool:
        return self.thinking is not Thinking.NO

    def is_gone(self, today: dt.date) -> bool:
        """Whether the provider has shut it down. If the account's list states a lifecycle, that decides, else the date."""
        if self.lifecycle:
            return self.lifecycle == Lifecycle.RETIRED
        return self.shuts_down_on is not None and self.shuts_down_on <= today

    def days_left(self, today: dt.date) -> int | None:
        """Days until it shuts down, 0 on the day and after; None when no day is known."""
        return max(0, (self.shuts_down_on - today).days) if self.shuts_down_on else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent's settings ask for; None and empty stand for the model's defaults."""

    temperature: float | None = None
    effort: str = ""
    output_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters that one request sets; None and empty are not sent."""

    temperature: float | None = None
    effort: str = ""
    thinking: str = ""  # Anthropic's kind, where thinking is turned off
    max_output_tokens: int = TEXT_ALLOWANCE


def parameters(profile: Profile, wish: Wish) -> Parameters:
    """The parameters of a wish that the model accepts. Others are left out; no value is changed."""
    effort = wish.effort if wish.effort in profile.efforts else profile.default_effort
    silent = {Temperature.TAKEN: ("", OFF), Temperature.WITHOUT_THINKING: (OFF,), Temperature.REFUSED: ()}
    off = profile.off if effort == OFF else ""
    return Parameters(
        temperature=wish.temperature if effort in silent[profile.temperature] else None,
        effort="" if off else effort,
        thinking=off,
        max_output_tokens=_room(profile, wish, thinks=effort not in ("", OFF)),
    )


def _room(profile: Profile, wish: Wish, *, thinks: bool) -> int:
    usual = max(profile.allowance, THINKING_ALLOWANCE) if thinks else profile.allowance
    asked = wish.output_limit or usual
    return min(asked, profile.output_limit) if profile.output_limit else asked


def resolve(
    provider: str,
    model_id: str,
    *,
    listed: ListedProfile | None = None,
    left_out: str = "",
    own_word: OwnWord | None = None,
) -> Profile:
    """The profile of `provider`'s `model_id`, from everything known about it.

    `left_out`: the parameters that it has refused before, in the provider's words, separated by blanks.
    """
    profile = by_rules(provider, model_id)
    if own_word is not None and own_word != NO_WORD:
        profile = _with_own_word(profile, own_word)
    if left_out:
        profile = _with_refusals(profile, frozenset(left_out.split()))
    if listed is not None:
        profile = _with_list(profile, listed)
    return profile


def _with_refusals(profile: Profile, left_out: frozenset[str]) -> Profile:
    if "temperature" in left_out:
        profile = replace(profile, temperature=Temperature.REFUSED)
    if left_out & EFFORT_PARAMETERS:
        profile = replace(profile, efforts=(), default_effort="")
    return replace(profile, off="") if left_out & THINKING_PARAMETERS else profile


def _with_own_word(profile: Profile, word: OwnWord) -> Profile:
    changes: dict[str, object] = {
        name: value
        for name in ("output_limit", "context_tokens", "shuts_down_on", "replaced_by")
        if (value := getattr(word, name))
    }
    if word.takes_temperature is not None:
        changes["temperature"] = Temperature.TAKEN if word.takes_temperature else Temperature.REFUSED
    if word.efforts:
        changes |= _efforts(profile, word.efforts)
    return replace(profile, **changes)  # type: ignore[arg-type]


def _with_list(profile: Profile, listed: ListedProfile) -> Profile:
    changes: dict[str, object] = {
        name: value
        for name in ("lifecycle", "shuts_down_on", "context_tokens", "output_limit")
        if (value := getattr(listed, name))
    }
    if listed.thinking is not None and profile.may_think:
        off = next((kind for kind in ("disabled", "between_tools") if kind in listed.thinking), "")
        profile = replace(profile, off=off)
    if listed.efforts is not None and profile.may_think:
        changes |= _efforts(profile, listed.efforts)
    return replace(profile, **changes)  # type: ignore[arg-type]


def _efforts(profile: Profile, known: tuple[str, ...]) -> dict[str, object]:
    """The levels in order, with `none` if thinking can be turned off, and a default that is one of them."""
    levels = [level for level in EFFORTS if level in known or (level == OFF and profile.off)]
    default = profile.default_effort
    if default not in levels:
        default = ""
    return {"efforts": tuple(levels), "default_effort": default}


# --- Rules: by family and version ----------------------------------------------------------------

CAREFUL = Profile()
PLAIN = Profile(Temperature.TAKEN, Thinking.NO, allowance=TEXT_ALLOWANCE)
# Thinks only when a request sets an effort. It takes a temperature while not thinking, so by default no effort is
# sent.
ASKED_TO_THINK = Profile(
    Temperature.TAKEN, Thinking.OPTIONAL, ("none", "low", "medium", "high"), "", allowance=TEXT_ALLOWANCE
)
# Thinks unless told not to. The default is no thinking: such answers are fast and cost no hidden tokens.
TOLD_NOT_TO_THINK = Profile(
    Temperature.WITHOUT_THINKING, Thinking.OPTIONAL, ("none", "low", "medium", "high"), OFF
)
ALWAYS_THINKS = Profile(Temperature.REFUSED, Thinking.ALWAYS, ("low", "medium", "high"), "low")
MEDIUM_ONLY = replace(ALWAYS_THINKS, efforts=("medium",), default_effort="")

CANNOT_CHAT = re.compile(
    r"embedding|whisper|tts|dall-e|image|moderation|transcribe|realtime|audio|sora|babbage|davinci|instruct"
)
RESPONSES_ONLY = re.compile(r"-pro(-|$)|codex|deep-research|computer-use")
DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?(o?)(-.*)?$")
O_SERIES = re.compile(r"o\d")


@lru_cache(maxsize=2048)
def by_rules(provider: str, model_id: str) -> Profile:
    """The profile by the rules alone; for an unknown id, the careful row."""
    name = DATED.sub("", model_id.lower())
    rules = RULES.get(provider)
    profile = rules(name) if rules else CAREFUL
    day, successor = LAST_DAYS.get(name, (None, ""))
    return replace(profile, shuts_down_on=day, replaced_by=successor) if day else profile


def _openai(name: str) -> Profile:
    if name.startswith("ft:"):
        # A fine-tuned model (ft:<base>:<organisation>:…) accepts what its base accepts.
        name = DATED.sub("", name.split(":")[1])
    if CANNOT_CHAT.search(name):
        return replace(CAREFUL, api=Api.NONE)
    if RESPONSES_ONLY.search(name):
        return replace(ALWAYS_THINKS, api=Api.RESPONSES)
    if name == "chat-latest":
        return MEDIUM_ONLY
    if O_SERIES.match(name):
        return ALWAYS_THINKS
    gpt = GPT.match(name)
    return _gpt((int(gpt[1]), int(gpt[2] or 0)), gpt[4] or "") if gpt else CAREFUL


def _gpt(version: tuple[int, int], variant: str) -> Profile:
    if version < (5, 0) or (version == (5, 0) and variant.startswith("-chat")):
        return PLAIN
    if variant.startswith("-chat"):
        return CAREFUL
    if version == (5, 0):
        return ALWAYS_THINKS
    if version < (5, 5):
        return ASKED_TO_THINK
    quiet = (
        version < (6, 0)
        or (version == (6, 0) and variant != "-astra")
        or (version == (6, 1) and variant == "-terra")
    )
    return TOLD_NOT_TO_THINK if quiet else ALWAYS_THINKS


# Anthropic's API version 2026-10-21 takes no temperature on any model.
CLAUDE_PLAIN = Profile(Temperature.REFUSED, Thinking.NO, allowance=TEXT_ALLOWANCE, output_limit=64_000)
CLAUDE_THINKS = Profile(
    Temperature.REFUSED, Thinking.ALWAYS, ("low", "medium", "high"), "low", output_limit=128_000
)
# How thinking is turned off on models where that is possible.
CLAUDE_OFF = {
    ("haiku", (5, 5)): "disabled",
    ("sonnet", (5, 0)): "disabled",
    ("sonnet", (5, 5)): "between_tools",
}


def _claude(name: str) -> Profile:
    parts = name.split("-")
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 3]
    if parts[0] != "claude" or not numbers:
        return CAREFUL
    version = (numbers[0], numbers[1] if len(numbers) > 1 else 0)
    if version < (4, 7):
        return CLAUDE_PLAIN
    family = next((part for part in parts[1:] if part.isalpha()), "")
    off = CLAUDE_OFF.get((family, version), "")
    if not off:
        return CLAUDE_THINKS
    return replace(CLAUDE_THINKS, thinking=Thinking.OPTIONAL, efforts=(OFF, *CLAUDE_THINKS.efforts), off=off)


RULES = {roster.OPENAI.name: _openai, roster.ANTHROPIC.name: _claude}


def _last_days() -> dict[str, tuple[dt.date, str]]:
    """Published last days and replacements, by id without its date.

    Accounts' lists, where they say more, take precedence.
    """
    rows = [
        ("2026-10-23", "o1 o3-mini o4-mini gpt-4-turbo gpt-3.5-turbo gpt-4.1-nano", "gpt-6-luna"),
        ("2026-11-30", "claude-sonnet-4-5", "claude-sonnet-5-5"),
        ("2026-12-11", "gpt-5 gpt-5-mini gpt-5-nano gpt-5-chat-latest o3", "gpt-6-luna"),
        ("2027-01-14", "gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini", "gpt-6-luna"),
        ("2027-04-01", "gpt-5.1 gpt-5.4-nano", "gpt-6-luna"),
    ]
    return {
        name: (dt.date.fromisoformat(day), successor)
        for day, names, successor in rows
        for name in names.split()
    }


LAST_DAYS = _last_days()
