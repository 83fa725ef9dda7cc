"""No unused CSS class or template: a page, a script or Python uses each class, and each template is named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import allauth
import django
from django.conf import settings
from django.contrib.messages.constants import DEFAULT_TAGS

APPS = ("agents", "billing", "bookbag", "llm", "workspaces")
TEMPLATES = settings.BASE_DIR / "templates"
# Django and allauth render these by themselves, by the status of the answer.
BY_STATUS = {"400.html", "403.html", "404.html", "429.html", "500.html"}
LIBRARIES = [
    Path(django.__file__).parent / "contrib/admin/templates",
    Path(allauth.__file__).parent / "templates",
]
# The admin's own classes, which its sheet gives our colours.
OF_THE_ADMIN = (
    "actions aligned breadcrumbs button fieldset-heading form-row help inline-group main messagelist module "
)
OF_THE_ADMIN += "object-tools quiet section submit-row"


def texts(folder: str, ending: str) -> Iterator[str]:
    return (path.read_text() for path in sorted((settings.BASE_DIR / folder).rglob(f"*{ending}")))


def constants() -> set[str]:
    """Every text that is written in the product's Python."""
    trees = (ast.parse(text) for app in APPS for text in texts(app, ".py"))
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def classes_of(sheet: str) -> set[str]:
    """The classes that the selectors of a stylesheet name."""
    heads = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/|@import[^;]*;", "", sheet, flags=re.DOTALL))
    return {name for head in heads for name in re.findall(r"\.([a-z][\w-]*)", head)}


def attributes(text: str) -> list[str]:
    """The values of `class` in a page, its template tags included, and of what is handed on as a modifier."""
    return [
        *re.findall(r'class="((?:\{\{.*?\}\}|\{%.*?%\}|[^"{])*)"', text),
        *re.findall(r'modifier="([\w -]+)"', text),
    ]


def used_classes() -> set[str]:
    words = constants()
    pages = [value for text in texts("templates", ".html") for value in attributes(text)]
    pages += [value for word in words for value in attributes(word)]
    # A part of a name before {{ … }} or {% … %} goes with every word of the code: badge--{{ route.kind }}.
    open_ends = {stem for value in pages for stem in re.findall(r"([\w-]+-)\{[{%]", value)}
    made = {stem + word for stem in open_ends for word in words | set(DEFAULT_TAGS.values())}
    plain = {word for value in pages for word in re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", value).split()}
    quoted = (part for text in texts("static/js", ".js") for part in re.findall(r"([\"'`])(.*?)\1", text))
    scripts = {word for _, part in quoted for word in re.findall(r"[\w-]+", part)}
    return made | plain | scripts | words


def test_every_class_is_used() -> None:
    used = used_classes()
    site, admin = (
        classes_of((settings.BASE_DIR / f"static/css/{name}.css").read_text()) for name in ("site", "admin")
    )

    assert sorted(site - used) == []
    assert sorted(admin - used - set(OF_THE_ADMIN.split())) == []


def test_class_that_nothing_uses_would_be_found() -> None:
    sheet = ".btn, .left-over--wide > a:hover { color: red }  /* .in-a-comment */ @media print { .left-over--too { top: 0 } }"

    assert classes_of(sheet) - used_classes() == {"left-over--wide", "left-over--too"}


def template_names() -> list[str]:
    return sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*") if path.is_file())


def test_every_template_is_named() -> None:
    sources = "\n".join([*texts("templates", ".html"), *(text for app in APPS for text in texts(app, ".py"))])
    theirs = {name for name in template_names() if any((folder / name).exists() for folder in LIBRARIES)}

    assert [
        name for name in template_names() if f'"{name}"' not in sources and name not in BY_STATUS | theirs
    ] == []
