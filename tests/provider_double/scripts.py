"""The queue of scripted behaviours: which mode the next matching calls take."""

from dataclasses import dataclass, field
from typing import Any

from .calls import Call

SCRIPT = ("mode", "params", "times", "match")
MATCHED = ("secret", "model", "provider", "path")


class ScriptError(ValueError):
    """A script names an unknown mode, parameter or match. The message is for the person who wrote it."""


@dataclass(slots=True)
class Script:
    """A mode for calls that match. `left`: how many calls it still answers; None means any number."""

    mode: str
    params: dict[str, Any]
    left: int | None = 1
    match: dict[str, str] = field(default_factory=dict)

    def fits(self, call: Call) -> bool:
        seen = {"secret": call.secret, "model": call.model, "provider": call.wire.PROVIDER, "path": call.path}
        return all(seen[name] == wanted for name, wanted in self.match.items())

    def as_dict(self) -> dict[str, Any]:
        return {"mode": self.mode, "params": self.params, "times": self.left, "match": self.match}


class Queue:
    """The scripts in order: first those for a number of calls, oldest first; then the others, newest first."""

    def __init__(self) -> None:
        self.counted: list[Script] = []
        self.standing: list[Script] = []

    def __len__(self) -> int:
        return len(self.counted) + len(self.standing)

    def clear(self) -> None:
        self.counted.clear()
        self.standing.clear()

    def push(self, script: Script) -> None:
        if script.left is None:
            self.standing.insert(0, script)
        else:
            self.counted.append(script)

    def take(self, call: Call) -> Script | None:
        """The script that answers this call; one that has answered its last call leaves the queue."""
        for script in self.counted:
            if script.fits(call):
                script.left = (script.left or 1) - 1
                if not script.left:
                    self.counted.remove(script)
                return script
        return next((script for script in self.standing if script.fits(call)), None)

    def as_list(self) -> list[dict[str, Any]]:
        return [script.as_dict() for script in (*self.counted, *self.standing)]


def read_script(asked: Any, known: dict[str, dict[str, Any]]) -> Script:
    """A script from its JSON form. `known`: each mode's parameters. Raises ScriptError."""
    if not isinstance(asked, dict) or asked.get("mode") not in known:
        raise ScriptError(f"mode must be one of: {', '.join(known)}")
    if asked.keys() - set(SCRIPT):
        unknown = ", ".join(sorted(map(str, asked.keys() - set(SCRIPT))))
        raise ScriptError(
            f"a script has no {unknown}; it has: {', '.join(SCRIPT)}. What {asked['mode']} takes goes into params: "
            f"{', '.join(known[asked['mode']])}"
        )
    mode, params, match = asked["mode"], asked.get("params") or {}, asked.get("match") or {}
    if not isinstance(params, dict) or not isinstance(match, dict):
        raise ScriptError("params and match must be objects: names with their values")
    times = asked.get("times", 1)
    if times is not None and (not isinstance(times, int) or times < 1):
        raise ScriptError("times must be a whole number from 1, or null for any number")
    for name, value in params.items():
        if name not in known[mode]:
            raise ScriptError(f"{mode} has no parameter {name!r}; it has: {', '.join(known[mode])}")
        if isinstance(known[mode][name], int | float) and not isinstance(value, int | float):
            raise ScriptError(f"{name} must be a number")
    if set(match) - set(MATCHED):
        raise ScriptError(f"match may name: {', '.join(MATCHED)}")
    return Script(mode, {**known[mode], **params}, times, match)
