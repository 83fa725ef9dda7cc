from typing import Any

from django import template

from agents import shutdowns
from agents.sources import listing
from llm import outlook

register = template.Library()

register.filter("source_mark", listing.mark)


@register.filter
def opening(text: str, most: int) -> str:
    """The first `most` characters of `text`; the last of them is … if there are more.

    Django's own filter first normalises the whole text, which for many accents takes time by the square of their
    number.
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


@register.filter
def of(found: Any, one: Any) -> Any:
    """The value of `one` in the mapping `found`; None if it is missing, or there is no mapping."""
    return found.get(one) if found else None


@register.inclusion_tag("agents/admin/_leaving.html")
def models_that_leave() -> dict[str, Any]:
    """For operators: the catalogue's models that leave soon, and which agents use them. Three queries."""
    return {"leaving": shutdowns.catalogue(outlook.today())}
