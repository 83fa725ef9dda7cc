"""Whether agents can use a provider's model, decided from its id and profile alone."""

import datetime as dt
import re

from llm import lifecycle
from llm.models import Provider
from llm.profiles import Api, Profile
from llm.providers import roster

# How each maker's ids begin; a reseller's prefix ("openai/", "us.anthropic.") may stand before them.
_PREFIX = r"(?:[a-z0-9_-]+[/.])*"
MAKERS = {one.name: re.compile(_PREFIX + one.model_ids) for one in roster.KEYED}


def refusal(provider: str, model_id: str, profile: Profile, *, today: dt.date) -> str:
    """Why agents cannot use this model, as a sentence; empty if they can."""
    own = Provider(provider)
    maker = next((name for name, begins in MAKERS.items() if begins.match(model_id.lower())), provider)
    if maker != provider:
        return f"{model_id} is a model of {Provider(maker).label}, not of {own.label}."
    if profile.api is Api.RESPONSES:
        return f"{model_id} answers only through OpenAI's Responses API, which Bookbag does not speak yet."
    if profile.api is Api.NONE:
        return f"{model_id} does not chat."
    if profile.is_gone(today):
        return _gone(own, model_id, profile)
    return ""


def _gone(provider: Provider, model_id: str, profile: Profile) -> str:
    when = f" on {lifecycle.day_words(profile.shuts_down_on)}" if profile.shuts_down_on else ""
    instead = f" Use {lifecycle.name_of(profile.replaced_by)} instead." if profile.replaced_by else ""
    return f"{provider.label} shut {model_id} down{when}.{instead}"
