"""The models that one double knows: published ones, ones that a test registered, fine-tunes and fake models."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from . import anthropic_rules, fake_models, openai_rules
from .rules import FIVE_EFFORTS, Listed

DAY = 86_400  # seconds
DATED = re.compile(r"-(20\d\d)-?(\d\d)-?(\d\d)$")


class Known(NamedTuple):
    """One model: its id, its family's row in the provider's rules, and the day from which calls are refused."""

    id: str
    provider: str
    family: Any  # openai_rules.Family or anthropic_rules.Family, by the provider
    gone_on: str | None = None

    def gone(self, day: str) -> bool:
        return self.gone_on is not None and self.gone_on <= day


def entered(provider: str, families: Any, rows: tuple[Listed, ...]) -> dict[str, Known]:
    return {
        name: Known(name, provider, families[row.family], row.gone_on)
        for row in rows
        for name in row.ids.split()
    }


RULES: dict[str, Any] = {"openai": openai_rules, "anthropic": anthropic_rules}
PUBLISHED = {name: entered(name, rules.FAMILIES, rules.MODELS) for name, rules in RULES.items()}

# Fake models take whatever the protocol version allows. This is a rule of the double's own, for benches.
FAKE: dict[str, Any] = {
    "openai": openai_rules.Family("fake_models.py", efforts=openai_rules.EFFORTS, max_output=10**9, context=10**9),
    "anthropic": anthropic_rules.Family(
        "fake_models.py", sampling=True, prefill=True, efforts=FIVE_EFFORTS, max_output=10**9, context=10**9,
        types=anthropic_rules.accepts("adaptive", "enabled", "disabled", "between_tools"),
    ),
}  # fmt: skip
# What a list shows for an id that a script made up.
PLAIN = {"openai": openai_rules.FAMILIES["gpt-4o"], "anthropic": anthropic_rules.FAMILIES["4.5"]}


@lru_cache(maxsize=4096)
def derived(provider: str, name: str) -> Known | None:
    """A fake model, or a fine-tune `ft:base:organisation:name:id`, which behaves like its base."""
    if fake_models.parts_of(name) is not None:
        return Known(name, provider, FAKE[provider])
    kind, _, rest = name.partition(":")
    base = PUBLISHED[provider].get(rest.partition(":")[0]) if kind == "ft" and rest.count(":") >= 2 else None
    return base and base._replace(id=name)


def shown(provider: str, name: str) -> Known:
    """What a list says about an id, whether there is such a model or not."""
    return PUBLISHED[provider].get(name) or derived(provider, name) or Known(name, provider, PLAIN[provider])


class Roster:
    """The published and the registered models on a day: today, unless a test has set another."""

    def __init__(self, day: str | None = None) -> None:
        self.usual_day = day
        self.midnight = 0.0
        self.clear_models()
        self.clear_day()

    def clear_models(self) -> None:
        self.models = {provider: dict(known) for provider, known in PUBLISHED.items()}
        self.registered: list[Known] = []

    def clear_day(self) -> None:
        self.set_day = self.usual_day

    def day(self, now: float) -> str:
        """The day, YYYY-MM-DD in UTC, at this moment (seconds since the epoch)."""
        if self.set_day:
            return self.set_day
        if now >= self.midnight:
            self.clock_day = datetime.fromtimestamp(now, UTC).date().isoformat()
            self.midnight = (now // DAY + 1) * DAY
        return self.clock_day

    def stand_in(self, day: str) -> None:
        """Set another day as today. Raises ValueError if it is no day."""
        self.set_day = date.fromisoformat(day).isoformat()

    def find(self, provider: str, name: str) -> Known | None:
        return self.models[provider].get(name) or derived(provider, name)

    def register(self, name: str, like: str, gone_on: str | None = None) -> Known:
        """Add a model that behaves like another. Raises ValueError if there is no such other model."""
        base = next((found for provider in self.models if (found := self.find(provider, like))), None)
        if base is None:
            raise ValueError(f"no model is called {like!r}")
        known = Known(name, base.provider, base.family, gone_on and date.fromisoformat(gone_on).isoformat())
        self.models[base.provider][name] = known
        self.registered.append(known)
        return known

    def listed(self, provider: str) -> list[Known]:
        return list(self.models[provider].values())


def days_before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days)).isoformat()


def released(name: str, known: dict[str, str]) -> str | None:
    """The day on which a model came out, if its id or the rules say so."""
    dated = DATED.search(name)
    return "-".join(dated.groups()) if dated else known.get(name)


def seconds_of(day: str) -> int:
    """The day's first second, counted from the epoch."""
    return int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
