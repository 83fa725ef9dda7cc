"""Acts on members that begin at the same moment."""

from collections.abc import Callable

from tests.harness import threads
from workspaces.errors import MembersError


def at_once(*acts: Callable[[], object]) -> list[str]:
    """What each came to: "done", or the name of its refusal."""
    ended = threads.at_once(*acts)
    assert [one for one in ended if isinstance(one, Exception) and not isinstance(one, MembersError)] == []
    return sorted(type(one).__name__ if isinstance(one, MembersError) else "done" for one in ended)
