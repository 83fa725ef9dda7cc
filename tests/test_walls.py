"""No app reaches over its wall by a name in a string, where import-linter's contracts cannot see it.

An app may name itself and the apps below it (pyproject.toml has the layers). The names are module paths, model
labels, tables, URL names, templates, relations that a model of another app hung on one's own, and choices copied
from such a model. Migrations are history and left out.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import global_settings
from django.db.models import Choices
from django.urls import URLPattern

from bookbag import settings as project_settings
from bookbag import urls
from tests.test_imports import APPS, ROOT, modules

LAYER = {"workspaces": 0, "billing": 1, "llm": 1, "agents": 2, "bookbag": 3}
# The help pages are the product's: any page may lead to one, and takes nothing from there.
ANYBODYS_NAMESPACES = {"help"}
NAMESPACES = {**{app: app for app in LAYER}, "help": "bookbag"}
LOOKUPS = {
    "filter", "exclude", "get", "Q", "Count", "Sum", "F", "Prefetch", "select_related", "prefetch_related", "values",
    "values_list", "annotate", "order_by",
}  # fmt: skip


def behind_the_wall(app: str) -> set[str]:
    """The apps that `app` may not name: those above it, and the one beside it."""
    return {other for other, layer in LAYER.items() if layer >= LAYER[app] and other != app}


@cache
def tables(app: str) -> re.Pattern[str]:
    """Finds the tables of the apps that `app` may not name."""
    others = [other for other in behind_the_wall(app) if other != "bookbag"]
    names = [model._meta.db_table for other in others for model in apps.get_app_config(other).get_models()]
    return re.compile(rf"(?<![a-z])({'|'.join(names)})(?![a-z])" if names else r"(?!)")


@cache
def relations(app: str) -> frozenset[str]:
    """What models of the apps behind the wall are called from the models of `app` and of those below it."""
    others = behind_the_wall(app)
    reachable = set(LAYER) - others - {"bookbag"}
    return frozenset(
        related.get_accessor_name() or ""
        for below in reachable
        for model in apps.get_app_config(below).get_models()
        for related in model._meta.related_objects
        if related.related_model._meta.app_label in others
    )


@cache
def choices(app: str) -> list[set[str]]:
    """The sets of values that columns of the apps behind the wall choose from."""
    found = []
    for other in behind_the_wall(app) - {"bookbag"}:
        for model in apps.get_app_config(other).get_models():
            nested = [
                one for one in vars(model).values() if isinstance(one, type) and issubclass(one, Choices)
            ]
            found += [{str(value) for value in one.values} for one in nested]
    return found


@cache
def names_of_the_project() -> set[str]:
    """URL names without a namespace: all are bookbag's."""
    return {row.name for row in urls.urlpatterns if isinstance(row, URLPattern) and row.name}


# --- In code -----------------------------------------------------------------------------------


def over_the_wall(path: str, tree: ast.Module) -> list[str]:
    """The names in a module of an app that are behind the app's wall, each with its line."""
    app = path.split("/")[0]
    own = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if _names_another(app, node.value):
                found.append((node.lineno, node.value))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) not in own:
            found += [(node.lineno, name) for name in _calls_another(app, node)]
        elif (isinstance(node, ast.Attribute) and _follows_relation(app, node)) or (
            isinstance(node, ast.List | ast.Tuple | ast.Set) and _copies_choices(app, node)
        ):
            found.append((node.lineno, ast.unparse(node)))
    return [f"{path}:{line} {name}" for line, name in sorted(found)]


def _names_another(app: str, text: str) -> bool:
    others = "|".join(behind_the_wall(app))
    named = re.fullmatch(rf"({others})(\.\w+)+|({others})/[\w/]+\.(html|txt)", text)
    return bool(named or tables(app).search(text) or _url_of_another(app, text))


def _url_of_another(app: str, text: str) -> bool:
    namespace, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or namespace in ANYBODYS_NAMESPACES:
        return False
    return NAMESPACES.get(namespace) in behind_the_wall(app)


def _follows_relation(app: str, node: ast.Attribute) -> bool:
    """`workspace.agents`, or `anything.agents.filter`: a plain `found.agents` may be a figure of one's own."""
    if node.attr in relations(app):
        return isinstance(node.value, ast.Name) and node.value.id.endswith("workspace")
    return isinstance(node.value, ast.Attribute) and node.value.attr in relations(app)


def _calls_another(app: str, call: ast.Call) -> Iterator[str]:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if called in ("import_string", "import_module") and "settings" in ast.unparse(call):
        yield ast.unparse(call)
    if called in ("get_model", "get_app_config"):
        yield from (name for name in given if name in behind_the_wall(app))
    if called in ("reverse", "redirect", "resolve_url", "reverse_lazy"):
        yield from (name for name in given if name in names_of_the_project())
    if called in LOOKUPS:
        looked_up = [*given, *(keyword.arg or "" for keyword in call.keywords)]
        yield from (name for name in looked_up if name.lstrip("-").split("__")[0] in relations(app))


def _copies_choices(app: str, literal: ast.List | ast.Tuple | ast.Set) -> bool:
    values = {
        one.value for one in literal.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    return len(values) > 1 and len(values) == len(literal.elts) and any(values <= one for one in choices(app))


def test_no_code_names_what_is_behind_its_wall() -> None:
    found = [name for path, tree in modules(*APPS) for name in over_the_wall(path, tree)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        # What this project once did, and would again.
        ("llm/overview.py", 'reverse("agents:playground", args=[workspace.slug, agent_id])'),
        ("llm/overview.py", 'DELIVERED = ["completed", "stopped", "cut"]'),
        ("llm/overview.py", "workspace.replies.filter(created_at__gte=since)"),
        ("llm/overview.py", 'ChatModel.objects.annotate(agent_count=Count("agents", filter=theirs))'),
        ("llm/shutdowns.py", 'ChatModel.objects.filter(agents__status="active")'),
        ("llm/byo.py", "agents = workspace.agents.filter(chat_model=row)"),
        ("billing/prices.py", "import_string(settings.CREDIT_PRICE_LIST)()"),
        ("billing/laws.py", 'LAWS = ["agents.laws.broken_laws"]'),
        ("billing/views.py", 'redirect("llm:settings", workspace.slug)'),
        ("billing/holds.py", 'query = f"SELECT id FROM agents_reply WHERE id = {one}"'),
        ("billing/views.py", 'render(request, "llm/settings.html")'),
        ("workspaces/views.py", 'redirect("home")'),
        ("workspaces/members.py", 'apps.get_model("billing", "Account")'),
        ("workspaces/members.py", "seats = workspace.account.plan"),
        ("agents/replies.py", 'check = "bookbag.operations.health.readyz"'),
    ],
)
def test_a_name_behind_the_wall_is_found(path: str, line: str) -> None:
    assert over_the_wall(path, ast.parse(line)) != []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("agents/views.py", 'redirect("llm:settings", workspace.slug)'),
        ("agents/laws.py", 'query = "SELECT id FROM agents_reply JOIN billing_hold"'),
        ("agents/views.py", "workspace.agents.filter(chat_model__provider=provider)"),
        ("billing/plans.py", 'LIMITS = {"agents": "agent_limit"}'),
        ("llm/byo.py", "self.agents = agents"),
        ("workspaces/forms.py", 'says = "Is: that so?"'),
    ],
)
def test_a_name_on_ones_own_side_is_not(path: str, line: str) -> None:
    assert over_the_wall(path, ast.parse(line)) == []


# --- In settings -------------------------------------------------------------------------------

OURS = re.compile(rf"({'|'.join(LAYER)})(\.\w+)+")
# Read by Django and its apps, which are told there what to use of ours.
THEIRS = ("ACCOUNT_", "MFA_", "ROOT_URLCONF", "ASGI_APPLICATION")


def paths_in(value: Any) -> Iterator[str]:
    """The paths to code of ours in a setting, however deep."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set):
        for one in value:
            yield from paths_in(one)
    elif isinstance(value, str) and OURS.fullmatch(value):
        yield value


def handed_down(settings: dict[str, Any]) -> list[str]:
    """Settings of our own that name code of ours: an app would import by them what it may not import."""
    ours = [
        name
        for name in settings
        if name.isupper() and not hasattr(global_settings, name) and not name.startswith(THEIRS)
    ]
    return [f"{name} {path}" for name in ours for path in paths_in(settings[name])]


def test_no_setting_of_ours_names_code() -> None:
    assert handed_down(vars(project_settings)) == []


def test_a_setting_that_names_code_is_found() -> None:
    once = {
        "CREDIT_PRICE_LIST": "bookbag.pages.prices.price_list",
        "LEDGER_LAWS": ["billing.laws.broken_laws", "agents.laws.broken_laws"],
        "ROOT_URLCONF": "bookbag.urls",
    }
    assert [found.partition(" ")[0] for found in handed_down(once)] == [
        "CREDIT_PRICE_LIST",
        "LEDGER_LAWS",
        "LEDGER_LAWS",
    ]


# --- In templates ------------------------------------------------------------------------------

TAG = re.compile(r"""{%\s*(url|include|extends)\s+['"]([^'"]+)['"]|{%\s*load\s+([\w ]+?)\s*%}""")


def template_over_the_wall(path: Path, text: str) -> list[str]:
    """The names in a template of an app (`path` from the templates' root) that are behind the app's wall."""
    app = path.parts[0]
    found = []
    for tag, name, libraries in TAG.findall(text):
        if (tag == "url" and (_url_of_another(app, name) or name in names_of_the_project())) or (
            tag and name.split("/")[0] in behind_the_wall(app)
        ):
            found.append(name)
        found += [library for library in libraries.split() if _owner(library) in behind_the_wall(app)]
    return found


@cache
def _owner(library: str) -> str:
    return next((app for app in LAYER if (ROOT / app / "templatetags" / f"{library}.py").exists()), "")


def test_no_template_names_what_is_behind_its_apps_wall() -> None:
    root = ROOT / "templates"
    found = {
        str(file.relative_to(root)): names
        for app in APPS
        for file in (root / app).rglob("*.*")
        if (names := template_over_the_wall(file.relative_to(root), file.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("llm/_way_out.html", "<form action=\"{% url 'agents:change_models' workspace.slug %}\">"),
        ("billing/_line.html", "{% url 'agents:receipt' workspace.slug line.reply_id %}"),
        ("workspaces/home.html", '<a href="{% url "new_workspace" %}">'),
        ("workspaces/workspace.html", '{% include "billing/_free_note.html" %}'),
        ("llm/_account_model.html", "{% load llm_tags agent_tags %}"),
    ],
)
def test_a_template_that_does_is_found(path: str, text: str) -> None:
    assert template_over_the_wall(Path(path), text) != []


def test_a_template_may_name_what_is_below_and_the_help_pages() -> None:
    text = (
        "{% load figures %}{% url 'llm:settings' %}{% url 'help:page' 'models' %}{% include '_field.html' %}"
    )
    assert template_over_the_wall(Path("agents/list.html"), text) == []
