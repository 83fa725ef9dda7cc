"""The twin of a provider. It is imported at first use, because the SDKs take seconds to load."""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from llm.providers import roster

if TYPE_CHECKING:
    from llm.providers.twin import Twin


@lru_cache
def twin_of(provider: str) -> "Twin":
    """The twin of the provider stored as `provider`. Raises KeyError for a name that is not in the roster."""
    twin: Twin = import_module(roster.named(provider).module).TWIN
    return twin
