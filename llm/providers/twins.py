"""Which twin speaks to a provider. It is imported when it is first needed, because the SDKs take seconds to load."""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from llm.providers import roster

if TYPE_CHECKING:
    from llm.providers.twin import Twin


@lru_cache
def twin_of(provider: str) -> "Twin":
    """The twin of the provider that is stored as `provider`. KeyError for one that is not in the roster."""
    twin: Twin = import_module(roster.named(provider).module).TWIN
    return twin
