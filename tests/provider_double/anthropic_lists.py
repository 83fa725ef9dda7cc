"""Anthropic's list of models, in pages; its rows have the fields of ModelInfo in the locked SDK."""

from json import dumps
from typing import Any

from .anthropic_rules import NOTICE_DAYS, RELEASED, Family
from .refusals import Refusal, invalid
from .roster import Known, days_before, released
from .rules import FIVE_EFFORTS

LINES = ("haiku", "sonnet", "opus", "fable", "mythos")
CALLABLE = ("active", "deprecated")


def models(rows: list[dict[str, Any]], query: dict[str, str]) -> bytes | Refusal:
    """A page of the list: after_id, before_id and limit (1 to 1000, 20 unless told) as the provider takes them."""
    given = query.get("limit", "20")
    limit = int(given) if given.isdigit() else 0
    if not 1 <= limit <= 1000:
        side = "less than or equal to 1000" if limit else "greater than or equal to 1"
        return invalid(f"limit: Input should be {side}")
    ids = [row["id"] for row in rows]
    if query.get("before_id") in ids:
        chosen = rows[: ids.index(query["before_id"])]
        page = chosen[-limit:]
    else:
        chosen = rows[ids.index(query["after_id"]) + 1 :] if query.get("after_id") in ids else rows
        page = chosen[:limit]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return dumps({"data": page, "has_more": len(chosen) > limit, **ends}).encode()


def is_listed(known: Known, day: str, query: dict[str, str]) -> bool:
    """Retired models are listed only if the request asks for them (`lifecycle`, several split by commas)."""
    wanted = query.get("lifecycle", "")
    return lifecycle(known, day) in (wanted.split(",") if wanted else CALLABLE)


def lifecycle(known: Known, day: str) -> str:
    if known.gone(day):
        return "retired"
    return "deprecated" if known.gone_on and day >= days_before(known.gone_on, NOTICE_DAYS) else "active"


def row(known: Known, day: str) -> dict[str, Any]:
    family: Family = known.family
    stage = lifecycle(known, day)
    ends = known.gone_on if stage != "active" else None
    return {
        "type": "model",
        "id": known.id,
        "display_name": display_name(known.id),
        "created_at": moment(released(known.id, RELEASED) or "1970-01-01"),
        "lifecycle": stage,
        "line": next((line for line in LINES if line in known.id), None),
        "deprecated_at": moment(days_before(ends, NOTICE_DAYS)) if ends else None,
        "retires_at": moment(ends) if ends else None,
        "max_input_tokens": family.context,
        "max_tokens": family.max_output,
        "capabilities": capabilities(family),
    }


def moment(day: str) -> str:
    return f"{day}T00:00:00Z"


def display_name(name: str) -> str:
    """The name for an id: `claude-haiku-4-5-20251001` is Claude Haiku 4.5."""
    words = [word for word in name.split("-") if not (word.isdigit() and len(word) == 8)]
    numbers = ".".join(word for word in words if word.isdigit())
    return " ".join(word.capitalize() for word in words if not word.isdigit()) + (
        f" {numbers}" if numbers else ""
    )


def capabilities(family: Family) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    thinking = {
        kind: yes if kind in family.types else no for kind in ("adaptive", "between_tools", "enabled")
    }
    # "True on a model that does not support thinking", says ModelInfo of `disabled`.
    thinking["disabled"] = yes if "disabled" in family.types or not family.types else no
    efforts = {level: yes if level in family.efforts else no for level in FIVE_EFFORTS}
    return {
        "batch": yes,
        "citations": yes,
        "code_execution": yes,
        "context_management": {
            "supported": True, "clear_thinking_20251015": yes, "clear_tool_uses_20250919": yes,
            "compact_20260112": no if family.prefill else yes,
        },
        "effort": {"supported": bool(family.efforts), **efforts},
        "image_input": yes,
        "pdf_input": yes,
        "server_tools": {"supported": True, "code_execution": yes, "web_search": yes},
        "structured_outputs": yes,
        "thinking": {"supported": bool(family.types), "types": thinking},
    }  # fmt: skip
