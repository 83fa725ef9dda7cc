"""The control plane under /__double/: scripts, the record, revoked secrets, models and the day. Speaks JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Any

from .answers import Answer, whole
from .calls import parsed
from .modes import MODES, known_params
from .openai_errors import ERRORS
from .scripts import ScriptError, read_script

if TYPE_CHECKING:
    from .connection import Request
    from .server import Double

PREFIX = "/__double/"
Query = dict[str, str]
Shown = tuple[int, Any]


def answer(double: Double, request: Request, path: str, query: Query) -> Answer:
    """Carry out one control request."""
    if path.startswith(REDIRECT_HIT):
        status, shown = redirect_hit(double, request, query)
    else:
        act = ACTS.get((request.method, path.removeprefix(PREFIX)))
        wanted = ", ".join(f"{method} {PREFIX}{name}" for method, name in ACTS)
        status, shown = act(double, request, query) if act else (404, {"error": f"there is: {wanted}"})
    return whole(None, json.dumps(shown).encode(), status=status)


def push_script(double: Double, request: Request, query: Query) -> Shown:
    try:
        script = read_script(parsed(request.body), known_params())
        kind = script.params.get("kind")
        if kind is not None and kind not in ERRORS:
            raise ScriptError(f"kind must be one of: {', '.join(ERRORS)}")
    except ScriptError as error:
        return 400, {"error": str(error)}
    double.queue.push(script)
    return 200, {"queued": double.queue.as_list()}


def list_scripts(double: Double, request: Request, query: Query) -> Shown:
    return 200, {"queued": double.queue.as_list()}


def clear_scripts(double: Double, request: Request, query: Query) -> Shown:
    double.queue.clear()
    return 200, {"queued": []}


def list_calls(double: Double, request: Request, query: Query) -> Shown:
    """The kept calls, oldest first: those after a number, the newest `limit`, with `bodies=0` without bodies."""
    after, limit = number(query, "after", 0), number(query, "limit", 0)
    calls = [call for call in double.record.calls if call.number > after]
    return 200, {"calls": [call.as_dict(query.get("bodies") != "0") for call in calls[-limit:]]}


def number(query: Query, name: str, default: int) -> int:
    return int(query[name]) if query.get(name, "").isdigit() else default


def clear_calls(double: Double, request: Request, query: Query) -> Shown:
    double.record.clear()
    double.redirect_hits.clear()
    return 200, {"calls": []}


def stats(double: Double, request: Request, query: Query) -> Shown:
    return 200, {**double.record.stats(), "connections": len(double.connections)}


def modes(double: Double, request: Request, query: Query) -> Shown:
    return 200, {name: {"doc": entry.doc, "params": entry.params} for name, entry in MODES.items()}


def revoke(double: Double, request: Request, query: Query) -> Shown:
    asked = parsed(request.body)
    if not isinstance(asked, dict) or not isinstance(asked.get("secret"), str):
        return 400, {"error": 'give {"secret": "…"}'}
    double.auth.revoked.add(asked["secret"])
    return 200, {"revoked": len(double.auth.revoked)}


def clear_revoked(double: Double, request: Request, query: Query) -> Shown:
    double.auth.revoked.clear()
    return 200, {"revoked": 0}


def list_registered(double: Double, request: Request, query: Query) -> Shown:
    return 200, {"registered": [{"id": one.id, "provider": one.provider} for one in double.roster.registered]}


def register(double: Double, request: Request, query: Query) -> Shown:
    """Add a model: {"id", "like": the id that it behaves like, "gone_on": the day from which it is gone, or nothing}."""
    asked = parsed(request.body)
    if not isinstance(asked, dict) or not {"id", "like"} <= asked.keys() <= {"id", "like", "gone_on"}:
        return 400, {
            "error": 'give {"id": "…", "like": "gpt-4o"}, with "gone_on": "YYYY-MM-DD" if it is to be gone'
        }
    try:
        double.roster.register(str(asked["id"]), str(asked["like"]), asked.get("gone_on"))
    except (ValueError, TypeError) as error:
        return 400, {"error": str(error)}
    return list_registered(double, request, query)


def clear_registered(double: Double, request: Request, query: Query) -> Shown:
    double.roster.clear_models()
    return 200, {"registered": []}


def day(double: Double, request: Request, query: Query) -> Shown:
    return 200, {"today": double.roster.day(time())}


def set_day(double: Double, request: Request, query: Query) -> Shown:
    """Set today's date: {"today": "YYYY-MM-DD"}."""
    asked = parsed(request.body)
    try:
        double.roster.stand_in(asked["today"])
    except (ValueError, TypeError, KeyError):
        return 400, {"error": 'give {"today": "YYYY-MM-DD"}'}
    return day(double, request, query)


def clear_day(double: Double, request: Request, query: Query) -> Shown:
    double.roster.clear_day()
    return day(double, request, query)


def redirect_hits(double: Double, request: Request, query: Query) -> Shown:
    return 200, {"hits": list(double.redirect_hits)}


def redirect_hit(double: Double, request: Request, query: Query) -> Shown:
    """The target of redirects. Keeps the request and its headers, for tests."""
    hit = {"method": request.method, "target": request.target, "headers": request.headers}
    double.redirect_hits.append(hit)
    return 200, {"object": "redirected", "data": []}


REDIRECT_HIT = PREFIX + "redirect-target/"

ACTS: dict[tuple[str, str], Callable[[Double, Request, Query], Shown]] = {
    ("POST", "script"): push_script,
    ("GET", "script"): list_scripts,
    ("DELETE", "script"): clear_scripts,
    ("GET", "calls"): list_calls,
    ("DELETE", "calls"): clear_calls,
    ("GET", "stats"): stats,
    ("GET", "modes"): modes,
    ("POST", "revoked"): revoke,
    ("DELETE", "revoked"): clear_revoked,
    ("GET", "models"): list_registered,
    ("POST", "models"): register,
    ("DELETE", "models"): clear_registered,
    ("GET", "today"): day,
    ("POST", "today"): set_day,
    ("DELETE", "today"): clear_day,
    ("GET", "redirect-target"): redirect_hits,
}
