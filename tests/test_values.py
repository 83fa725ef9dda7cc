"""A value that a column may have is named by its enumeration, and never written out again where it is compared.

What can only be written out is held to the enumeration here: the conditions of indexes and constraints, which are in a
class of their own inside the model, and templates. The ledger's and the replies' laws, the database's guards and the
statements of holds (WITNESSES) say their values again on purpose: they are a second witness.
"""

import ast
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db.models import Model, Q
from django.db.models.constants import LOOKUP_SEP

from agents.errors import OurFault
from agents.models import Reply, Source
from billing.models import Hold
from llm.models import Provider
from llm.profiles import Lifecycle
from llm.providers.base import Fault, MessageRole
from llm.routing import Billing, Credential, Why
from tests.test_imports import APPS, ROOT, modules

# Columns with values of enumerations that are not Django's choices, and attributes of badges with such values.
BESIDE_CHOICES: dict[str, tuple[type[Enum], ...]] = {
    "credential_kind": (Credential,),
    "error_code": (Fault, OurFault),
    "fault": (Fault,),
    "kind": (Billing,),
    "last_error": (Fault,),
    "lifecycle": (Lifecycle,),
    "provider": (Provider,),
    "role": (MessageRole,),
    "why": (Why,),
}
WITNESSES = {"agents/laws.py", "billing/guards.py", "billing/holds.py", "billing/laws.py"}


@cache
def columns() -> dict[str, frozenset[str]]:
    """By the name of a column, or of columns of several models, the values that it may have."""
    found: dict[str, set[str]] = {
        name: {str(one.value) for kind in kinds for one in kind} for name, kinds in BESIDE_CHOICES.items()
    }
    for model in our_models():
        for field in model._meta.get_fields():
            for value, _ in getattr(field, "choices", None) or ():
                found.setdefault(field.name, set()).add(str(value))
    return {name: frozenset(values - {""}) for name, values in found.items()}


def our_models() -> Iterator[type[Model]]:
    for app in APPS:
        yield from apps.get_app_config(app).get_models()


# --- In code -----------------------------------------------------------------------------------


def written_out(path: str, tree: ast.Module) -> list[str]:
    """Where a column is compared with one of its values in quotation marks, or filtered or set by one."""
    inside = {id(child) for node in ast.walk(tree) if _is_meta(node) for child in ast.walk(node)}
    return [
        f"{path}:{getattr(node, 'lineno', 0)} {ast.unparse(node)}"
        for node in ast.walk(tree)
        if id(node) not in inside and any(_says(*pair) for pair in _pairs(node))
    ]


def _is_meta(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and node.name == "Meta"


def _pairs(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The columns that a node names, each with what is held against it, or stored in it."""
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        yield _name(node.left), node.comparators[0]
        yield _name(node.comparators[0]), node.left
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            path = (keyword.arg or "").split(LOOKUP_SEP)
            yield path[-2] if path[-1] == "in" and len(path) > 1 else path[-1], keyword.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                yield str(key.value), value
    elif isinstance(node, ast.Assign):
        yield from ((_name(target), node.value) for target in node.targets)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _says(column: str, given: ast.expr) -> bool:
    literals = given.elts if isinstance(given, ast.List | ast.Tuple | ast.Set) else [given]
    values = columns().get(column, frozenset())
    return any(isinstance(one, ast.Constant) and one.value in values for one in literals)


def test_no_value_of_a_column_is_written_out_in_code() -> None:
    found = [
        line
        for path, tree in modules(*APPS, "bookbag")
        for line in written_out(path, tree)
        # A request to a provider is in that provider's words, which the twin that makes it writes out.
        if not (path.startswith("llm/providers/") and "{'role': " in line)
    ]

    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        # What this project once did.
        'if admitted.status == "archived": pass',
        'local = provider == "local"',
        'own = reply.credential_kind != "workspace"',
        'if reply.error_code == "wrong_region": pass',
        'works = idle.exclude(agent__status="archived")',
        'over.update(state=Reply.State.FAILED, error_code="interrupted")',
        'found.filter(state__in=["queued", "training"])',
        'if source.state in ("queued", "training"): pass',
        'turns = [one for one in messages if one.role != "system"]',
        'if listed.lifecycle == "retired": pass',
        'keys.note_result(row.pk, fault="key_rejected")',
        'GONE = {"state": "failed", "text": ""}',
        'reply.state = "failed"',
    ],
)
def test_a_value_that_is_written_out_is_found(line: str) -> None:
    assert written_out("agents/module.py", ast.parse(line)) != []


@pytest.mark.parametrize(
    "line",
    [
        "if admitted.status == Agent.Status.ARCHIVED: pass",
        'if extension == "text": pass',
        'class Meta:\n    condition = Q(state="held")',
    ],
)
def test_another_word_is_not(line: str) -> None:
    assert written_out("agents/module.py", ast.parse(line)) == []


# --- In SQL --------------------------------------------------------------------------------------

SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE)\b")
QUOTED = re.compile(r"'(\w+)'")


def written_in_sql(path: str, tree: ast.Module) -> list[str]:
    """The values of columns, whichever they are, that a text with SQL has in quotation marks."""
    values = {*Authenticator.Type.values, *chain(*columns().values())}
    return [
        f"{path}:{node.lineno} {value}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
        for value in QUOTED.findall(node.value)
        if value in values
    ]


def test_no_value_of_a_column_is_written_out_in_sql() -> None:
    found = [line for path, tree in modules(*APPS, "bookbag") for line in written_in_sql(path, tree)]

    assert [line for line in found if line.partition(":")[0] not in WITNESSES] == []
    assert {line.partition(":")[0] for line in found} == WITNESSES


@pytest.mark.parametrize(
    "line",
    [
        # What this project once did.
        """STILL = "SELECT 1 FROM llm_providerkey WHERE id = %s AND state = 'active'\"""",
        """PAGES = "INSERT INTO agents_source (id, kind) SELECT c.page, 'page' FROM agents_crawledpage c\"""",
        """LACKS = f"{SOME} WHERE f.user_id = u.id AND f.type <> 'recovery_codes'\"""",
    ],
)
def test_a_value_in_sql_is_found(line: str) -> None:
    assert written_in_sql("agents/module.py", ast.parse(line)) != []


# --- In conditions of the database ---------------------------------------------------------------


def conditions(model: type[Model]) -> Iterator[tuple[str, Q]]:
    for one in [*model._meta.indexes, *model._meta.constraints]:
        condition = getattr(one, "condition", None)
        if isinstance(condition, Q):
            yield one.name, condition


def leaves(condition: Q) -> Iterator[tuple[str, Any]]:
    for child in condition.children:
        if isinstance(child, Q):
            yield from leaves(child)
        elif isinstance(child, tuple):
            yield child


def values_in(given: Any) -> set[str]:
    return {given} if isinstance(given, str) else {str(one) for one in given}


def test_conditions_speak_of_values_that_there_are() -> None:
    unknown = [
        (name, path, value)
        for model in our_models()
        for name, condition in conditions(model)
        for path, given in leaves(condition)
        if (column := path.split(LOOKUP_SEP)[0]) in columns() and isinstance(given, str | list | tuple)
        for value in values_in(given) - columns()[column]
        if value
    ]

    assert unknown == []


@pytest.mark.parametrize(
    ("model", "index", "values"),
    [
        (Reply, "reply_running", Reply.RUNNING),
        (Source, "source_busy", Source.BUSY),
        (Source, "source_to_recrawl", [one for one in Source.Recrawl if one]),
        (Hold, "hold_open", [Hold.State.HELD]),
    ],
)
def test_index_has_the_rows_that_are_looked_for(model: type[Model], index: str, values: Any) -> None:
    ((_, given),) = leaves(dict(conditions(model))[index])

    assert values_in(given) == values_in(values)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [("source_state_known", Source.State), ("source_page_of_a_website", Source.Kind)],
)
def test_constraint_lets_every_value_in(constraint: str, values: type[Enum]) -> None:
    said = {
        value
        for path, given in leaves(dict(conditions(Source))[constraint])
        if path.split(LOOKUP_SEP)[0] in ("state", "kind")
        for value in values_in(given)
    }

    assert said == values_in(values)


# --- In templates ------------------------------------------------------------------------------

COMPARED = re.compile(r"""\b\w+\.(\w+) (?:==|!=) ['"](\w+)['"]""")


def unknown_values(text: str) -> list[tuple[str, str]]:
    """Comparisons of a column with what it never is."""
    return [
        (column, value)
        for column, value in COMPARED.findall(text)
        if column in columns() and value not in columns()[column] | OF_PAGES
    ]


# Values that pages get under a column's name: llm.payers.Payers has no billing if a provider does not run.
OF_PAGES = {"mixed"}


def test_templates_compare_with_values_that_there_are() -> None:
    files = [*Path(ROOT / "templates").rglob("*.html"), *Path(ROOT / "templates").rglob("*.txt")]

    assert {str(file): found for file in files if (found := unknown_values(file.read_text()))} == {}
    assert unknown_values('{% if source.state == "redy" %}') == [("state", "redy")]
