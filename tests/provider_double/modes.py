"""The modes: every way the double can answer, well or badly, for both providers, streamed or not.

A mode is a function from a call and its parameters to an answer; `--list` prints its docstring. There is no mode for a
refused connection: point the client at a closed port for that. For a call of the model list, which has no text, the modes
about text answer as usual; errors, delays and cuts work as for a reply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .answers import Answer
from .calls import Call

Params = dict[str, Any]
Build = Callable[[Call, Params], Answer]

# The parameters of every mode that says something: what to say, and at what pace. `think_ms`: how long the model thinks.
SPEECH: Params = {"text": None, "chunks": None, "first_ms": 0, "gap_ms": 0, "think_ms": 0}
# With these a script can change what a named error says.
REWORDED: Params = {
    "status": None,
    "type": None,
    "code": None,
    "param": None,
    "message": None,
    "headers": None,
}


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode's function, its one line of explanation, and its parameters with their defaults."""

    build: Build
    doc: str
    params: Params


MODES: dict[str, Mode] = {}


def mode(name: str, *, speaks: bool = True, **params: Any) -> Callable[[Build], Build]:
    """Register a function in MODES under this name, with the parameters that it takes."""

    def enter(build: Build) -> Build:
        doc = " ".join((build.__doc__ or "").split())
        MODES[name] = Mode(build, doc, {**(SPEECH if speaks else {"first_ms": 0}), **params})
        return build

    return enter


def pause(params: Params) -> float:
    """How many seconds of silence come before an answer that has no text."""
    return float(params.get("first_ms") or 0) / 1000


def known_params() -> dict[str, Params]:
    """Each mode's parameters, for the check of scripts."""
    return {name: entry.params for name, entry in MODES.items()}


def listing() -> str:
    """For people: one line per mode."""
    lines = []
    for name, entry in MODES.items():
        shared = (
            SPEECH if "text" in entry.params else {**SPEECH, **(REWORDED if "code" in entry.params else {})}
        )
        own = {key: value for key, value in entry.params.items() if key not in shared}
        given = ", ".join(f"{key}={value!r}" for key, value in own.items())
        lines.append(f"  {name:28}{entry.doc}{f'  [{given}]' if given else ''}")
    return "\n".join(lines)
