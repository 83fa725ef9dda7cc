"""Requests to every address of the site, by every person and with every method."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import quote

import httpx
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from llm.admin import ACTS
from llm.models import ChatModel, PlatformKey
from tests.canary.scene import Scene
from tests.harness.chat import csrf
from tests.test_access_table import CHAT_TABLE, TABLE, Row, address

# These come last, in this order, because they remove things or people that the other requests need.
LAST = (
    "workspaces:transfer",
    "workspaces:remove_member",
    "workspaces:leave",
    "agents:delete",
    "llm:delete_key",
)
METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
ROWS_SHOWN = 2


def rows() -> list[Row]:
    """The rows of the access table: those that only read, then those that write, then those that remove something."""

    def order(row: Row) -> tuple[str, int]:
        return row.method, LAST.index(row.name) + 1 if row.name in LAST else 0

    return sorted([*TABLE, *CHAT_TABLE], key=order)


def ask(scene: Scene, who: str, row: Row) -> httpx.Response:
    visitor = scene.visitor(scene.people[who])
    local = str(ChatModel.objects.get(workspace=None, provider="local").pk)
    fields = {name: value.format(local=local) for name, value in row.fields.items()}
    return visitor.request(
        row.method,
        address(row.name, scene.things),
        data=fields if row.method == "POST" else None,
        headers={**row.headers, "x-csrftoken": csrf(visitor)},
    )


def ask_in_every_other_way(scene: Scene) -> None:
    visitor = scene.visitor(scene.cast.olivia)
    for name in sorted({row.name for row in rows()}):
        for method in METHODS:
            visitor.request(method, address(name, scene.things), headers={"x-csrftoken": csrf(visitor)})


def routes(prefix: str) -> Iterator[str]:
    """The routes below `prefix`, whose parts are in angle brackets or regular expressions."""

    def walk(resolver: URLResolver, route: str) -> Iterator[str]:
        for entry in resolver.url_patterns:
            full = route + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, full)
            elif isinstance(entry, URLPattern) and full.startswith(prefix):
                yield full

    return walk(get_resolver(), "")


# --- The operators' site -------------------------------------------------------------------------

PART = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>.*?\)")
QUERIES = ("?q=sk", "?all=", "?o=1.2.3", "?e=1", "?_popup=1")


def admin_paths() -> list[str]:
    """Every page of Django admin: those of the site, and those of every model for a few of its rows.

    Raises KeyError for a route with a part that is not known here, so that a new kind of page is noticed.
    """
    found = {path for route in routes("admin/") for path in _filled(route)}
    lists = {f"admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
    return sorted(f"/{path}" for path in found | {f"{one}{query}" for one in lists for query in QUERIES})


def account_paths() -> list[str]:
    """The pages of sign-in and account whose addresses have no variable part."""
    return sorted(f"/{route}" for route in routes("accounts/") if not PART.search(route) and "(" not in route)


def models_without_rows() -> set[str]:
    """Registered models that have no row, so that no page of a row could be asked for."""
    return {model._meta.label for model in admin.site._registry if not model._default_manager.exists()}


def _filled(route: str) -> Iterator[str]:
    parts = [first or second for first, second in PART.findall(route)]
    values: dict[str, list[str]] = {
        "app_label": [model._meta.app_label for model in admin.site._registry],
        "url": ["no/such/page"],
        "name": list(ACTS),
        "content_type_id": [str(ContentType.objects.get_for_model(PlatformKey).pk)],
    }
    ids = [str(pk) for pk in _model_of(route)._default_manager.values_list("pk", flat=True)[:ROWS_SHOWN]]
    values |= {part: ids for part in parts if part == "id" or part.endswith("_id")} | values
    for chosen in product(*(values[part] for part in parts)):
        path = route
        for text in chosen:
            path = PART.sub(quote(text, safe="/"), path, count=1)
        yield path.replace("^", "").rstrip("$")


def _model_of(route: str) -> type[Model]:
    for model in admin.site._registry:
        if route.startswith(f"admin/{model._meta.app_label}/{model._meta.model_name}/"):
            return model
    return PlatformKey


def bulk_actions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every bulk action on the rows of every model, and Django's own delete even where it is not offered."""
    for model, model_admin in admin.site._registry.items():
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        chosen = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)[:50]]
        offered = [getattr(action, "__name__", action) for action in model_admin.actions or ()]
        for action in {"delete_selected", *offered}:
            yield path, {"action": action, "_selected_action": chosen, "select_across": "1"}


def leave_traces(scene: Scene) -> None:
    """Make entries in the operators' history, and a row of every model that would otherwise have none."""
    group = Group.objects.create(name="Clerks")
    LogEntry.objects.log_actions(scene.cast.oscar.pk, [group], 1, "Added.", single_object=True)
