"""What an audit event says, and that it says all that it holds."""

import ast
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from workspaces import audit_wording

pytestmark = pytest.mark.any_database


@pytest.mark.parametrize(
    ("action", "data", "sentence", "rest"),
    [
        (
            "member.role_changed",
            {"member": "adam@acme.test", "before": "editor", "after": "admin", "reason": "Asked", "by": "an operator"},
            "Role of adam@acme.test: editor → admin",
            [("by", "an operator"), ("reason", "Asked")],
        ),
        ("member.removed", {"member": "a@x.test", "role": "viewer"}, "a@x.test removed: viewer → no member", []),
        (
            "provider_key.added",
            {"provider": "openai", "before": None, "after": "sk-…a1B2", "health": "valid"},
            "Provider key of openai: none → sk-…a1B2",
            [("health", "valid")],
        ),
        ("byo.enabled", {}, "“Bring your own keys”: off → on", []),
        (
            "agent.changed",
            {"agent": "Guide", "changes": {"status": ["draft", "active"], "instructions": None}},
            "Agent changed (Guide): instructions changed; status: draft → active",
            [],
        ),
        ("plan.edited", {"changes": {"name": ["Pro", "Pro 2"]}}, "Plan edited: name: Pro → Pro 2", []),
        # Of another version, or of no sentence of its own: nothing is lost.
        ("member.role_changed", {"member": "a@x.test"}, "Member role changed", [("member", "a@x.test")]),
        ("thing.done", {"before": "", "after": [1, 2]}, "Thing done: none → 1, 2", []),
        ("thing.done", {"much": True}, "Thing done", [("much", "yes")]),
        # What people typed is no template.
        ("workspace.renamed", {"before": "{after}", "after": "{0.__class__}"},
         "Name of the workspace: {after} → {0.__class__}", []),
    ],
)  # fmt: skip
def test_event_is_told_in_a_sentence_before_first(
    action: str, data: dict[str, Any], sentence: str, rest: list[tuple[str, str]]
) -> None:
    assert audit_wording.sentence(action, data) == sentence
    assert audit_wording.unsaid(action, data) == rest


def recorded() -> set[str]:
    """Every action that the product's code writes out in a call of `audit.record`."""
    found = set()
    for app in ("agents", "billing", "bookbag", "llm", "workspaces"):
        for path in Path(settings.BASE_DIR / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "record":
                    found |= {
                        one.value
                        for one in node.args
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    }
    return {one for one in found if "." in one}


def test_each_sentence_is_of_something_that_is_recorded() -> None:
    """Also in parts: `provider_key.<verb>`, and what is chosen between two."""
    texts = "".join(
        path.read_text()
        for app in ("agents", "billing", "bookbag", "llm", "workspaces")
        for path in sorted(Path(settings.BASE_DIR / app).rglob("*.py"))
        if path.name != "audit_wording.py"
    )
    unknown = {
        action
        for action in audit_wording.SENTENCES
        if f'"{action}"' not in texts and f'"{action.partition(".")[2]}"' not in texts
    }

    assert unknown == set()
    assert len(recorded()) > 20
