"""Rows that a test knows to be there."""

from llm import keys
from llm.models import ProviderKey
from workspaces.models import Workspace


def the_key(workspace: Workspace | None, provider: str = "openai") -> ProviderKey:
    """The active key, which must exist."""
    row = keys.active(workspace, provider)
    assert row is not None
    return row
