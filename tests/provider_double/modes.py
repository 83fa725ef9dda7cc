"""The modes: every way the double can answer, well or badly, for both providers, streamed or not.

A mode is a function from a call and its parameters to an answer; its docstring is what `--list` prints. A
refused connection is not among them: point the client at a closed port for that. For a call of the model list,
which has no text to say, the modes that are about text answer as usual; errors, delays and cuts work on it as on
a reply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .answers import Answer
from .calls import Call

Params = dict[str, Any]
Build = Callable[[Call, Params], Answer]

# Every mode that says something takes these: what to say, and at what pace. A model that thinks does so for think_ms.
SPEECH: Params = {"text": None, "chunks": None, "first_ms": 0, "gap_ms": 0, "think_ms": 0}
# What a script may have a named error say instead of its own words.
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
    """Enter a function into MODES under this name, with the parameters it takes."""

    def enter(build: Build) -> Build:
        doc = " ".join((build.__doc__ or "").split())
        MODES[name] = Mode(build, doc, {**(SPEECH if speaks else {"first_ms": 0}), **params})
        return build

    return enter


def pause(params: Params) -> float:
    """Seconds of silence before an answer that has no text."""
    return float(params.get("first_ms") or 0) / 1000


def known_params() -> dict[str, Params]:
    """Each mode's parameters, as a script is checked against them."""
    return {name: entry.params for name, entry in MODES.items()}


def listing() -> str:
    """One line per mode, for people."""
    lines = []
    for name, entry in MODES.items():
        shared = (
            SPEECH if "text" in entry.params else {**SPEECH, **(REWORDED if "code" in entry.params else {})}
        )
        own = {key: value for key, value in entry.params.items() if key not in shared}
        given = ", ".join(f"{key}={value!r}" for key, value in own.items())
        lines.append(f"  {name:28}{entry.doc}{f'  [{given}]' if given else ''}")
    return "\n".join(lines)
