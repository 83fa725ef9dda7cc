from typing import Any

from django import template

from agents import shutdowns
from agents.sources import listing
from llm import outlook

register = template.Library()

register.filter("source_mark", listing.mark)


@register.filter
def opening(text: str, most: int) -> str:
    """The first `most` characters of `text`, the last of them … when there are more.

    Django's own filter for it first puts the accents of the whole text in order, which takes a step for each pair.
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@register.filter
def of(found: Any, one: Any) -> Any:
    """What `found`, a mapping, has for `one`; None without it, or without a mapping."""
    return found.get(one) if found else None


@register.inclusion_tag("agents/admin/_leaving.html")
def models_that_leave() -> dict[str, Any]:
    """For operators: the catalogue's models that leave soon, and who runs on them; three queries."""
    return {"leaving": shutdowns.catalogue(outlook.today())}
