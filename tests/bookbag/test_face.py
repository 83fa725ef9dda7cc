"""What holds for every page: nothing inline, names that exist, colours that can be read, errors that stand alone."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from django import forms
from django.conf import settings
from django.template import engines
from django.template.loader import get_template, render_to_string

from bookbag.static import bundled

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
PICTURES = sorted((settings.BASE_DIR / "static/img").glob("*.svg"))
CSS = settings.BASE_DIR / "static/css"
# Characters of a template's line: a change of it can be read beside the old one.
LONGEST_LINE = 160
ERROR_PAGES = ("400", "403", "403_csrf", "404", "413", "429", "500")
INLINE = re.compile(
    r"""<style|\sstyle\s*=|\son[a-z]+\s*=\s*["']|javascript:|<script(?![^>]*\ssrc=)""", re.IGNORECASE
)
# Text on its background, by token; WCAG AA asks 4.5.
TEXT_PAIRS = [
    *[(ink, ground) for ink in ("ink", "muted", "accent") for ground in ("paper", "surface", "sunk")],
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("danger-ink", "danger"),
    *[
        (tone, ground)
        for tone in ("ok", "warn", "danger", "byo")
        for ground in (f"{tone}-wash", "paper", "surface")
    ],
    *[("ink", f"{tone}-wash") for tone in ("accent", "ok", "warn", "danger", "byo")],
    *[("muted", f"{tone}-wash") for tone in ("accent", "ok", "warn", "danger", "byo")],
    ("accent", "accent-wash"),
    ("accent-strong", "accent-wash"),
]
# The edge of a control on what surrounds it; WCAG asks 3.
EDGE_PAIRS = [(edge, ground) for edge in ("edge", "accent", "danger") for ground in ("paper", "surface")]


def relative(path: Path) -> str:
    return str(path.relative_to(settings.BASE_DIR))


def palette(scheme: str) -> dict[str, str]:
    """The colours of the tokens; dark starts from light and overrides it."""
    light, dark = ((CSS / f"{name}.css").read_text() for name in ("colours", "dark"))
    blocks = light if scheme == "light" else light + dark
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks))


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def too_faint(pairs: list[tuple[str, str]], scheme: str, least: float) -> dict[tuple[str, str], float]:
    colours = palette(scheme)
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    return {pair: ratio for pair, ratio in found.items() if ratio < least}


def test_a_comment_is_not_shown() -> None:
    """`{# … #}` is a comment on one line only; over several it is text of the page."""
    spread = [
        relative(one) for one in TEMPLATES if re.search(r"\{#(?:(?!#\}).)*$", one.read_text(), re.MULTILINE)
    ]

    assert spread == []


@pytest.mark.parametrize("path", [*TEMPLATES, *PICTURES], ids=relative)
def test_markup_has_nothing_inline(path):
    assert INLINE.findall(path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_template_is_broken_at_its_tags(path):
    """Not so in mails: there each line is sent as it stands."""
    assert [line for line in path.read_text().splitlines() if len(line) > LONGEST_LINE] == []


def test_inline_markup_would_be_found():
    guilty = [
        '<p style="x">',
        "<style>",
        "<script>",
        '<a href="javascript:x">',
        '<b onclick="x">',
        "<script type='a'>",
    ]

    assert [bool(INLINE.search(text)) for text in guilty] == [True] * len(guilty)


def test_every_icon_that_is_asked_for_is_drawn():
    asked = {
        name
        for path in TEMPLATES
        for name in re.findall(r'_icon\.html" with name="([\w-]+)"', path.read_text())
    }
    drawn = set(
        re.findall(r'<symbol id="([\w-]+)"', (settings.BASE_DIR / "static/img/icons.svg").read_text())
    )

    assert asked - drawn == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme):
    assert too_faint(TEXT_PAIRS, scheme, 4.5) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_can_be_seen(scheme):
    assert too_faint(EDGE_PAIRS, scheme, 3.0) == {}


@pytest.mark.parametrize("sheet", ["site", "admin"])
def test_colours_are_written_among_the_tokens_alone(sheet):
    text = (CSS / f"{sheet}.css").read_text()
    defined = set(re.findall(r"(--[\w-]+):", text + (CSS / "colours.css").read_text()))

    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl)a?\(", text) == []
    assert set(re.findall(r"var\((--[\w-]+)", text)) - defined == set()


def test_sheet_of_pages_has_the_dark_for_a_dark_system():
    sheet, dark = bundled("css/site.css"), (CSS / "dark.css").read_text()

    assert f"@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n" in sheet
    assert "@import" not in sheet


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_browser_is_told_the_colour_of_the_paper(scheme):
    """In the page itself: a browser reads no token there."""
    head = (settings.BASE_DIR / "templates/base.html").read_text()

    assert (
        f'<meta name="theme-color" content="{palette(scheme)["paper"]}" media="(prefers-color-scheme: {scheme})">'
        in head
    )


@pytest.mark.parametrize("name", ERROR_PAGES)
def test_error_page_says_where_to_go_next(name):
    page = get_template(f"{name}.html").render()

    assert page.count("<h1>") == 1
    assert '<a class="btn btn--primary" href="/">To your workspaces</a>' in page


def test_broken_server_page_needs_no_other_template():
    source = (settings.BASE_DIR / "templates/500.html").read_text()

    assert set(re.findall(r"{%\s*(\w+)", source)) == {"load", "static", "if", "elif", "else", "endif"}
    assert set(re.findall(r"{{(.*?)}}", source)) == {" reference ", " support "}


def test_forbidden_page_gives_the_reason_as_text():
    page = render_to_string("403.html", {"exception": "Needs <b>admin</b>."})

    assert "<p>Needs &lt;b&gt;admin&lt;/b&gt;.</p>" in page


class Pen(forms.Form):
    name = forms.CharField(help_text="What it is called.")
    colour = forms.CharField(required=False)
    token = forms.CharField(widget=forms.HiddenInput)


def rendered(field: forms.BoundField) -> str:
    return render_to_string("_field.html", {"field": field})


def test_field_ties_help_and_errors_to_its_widget():
    html = rendered(Pen({"name": ""})["name"])

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert html.count('id="id_name_helptext"') == 1
    assert html.count('id="id_name_error"') == 1


def test_field_that_may_stay_empty_says_so():
    form = Pen()

    assert ["(optional)" in rendered(form[name]) for name in ("name", "colour")] == [False, True]


def test_hidden_field_has_no_label():
    assert "<label" not in rendered(Pen()["token"])


def test_field_never_prints_markup_that_was_typed():
    class Picky(forms.Form):
        name = forms.CharField()

        def clean_name(self) -> str:
            raise forms.ValidationError(f"No {self.cleaned_data['name']} here.")

    assert "<li>No &lt;i&gt; here.</li>" in rendered(Picky({"name": "<i>"})["name"])


@pytest.mark.parametrize(("is_admin", "offered"), [(False, []), (True, ["LLM settings", "Audit log"])])
def test_menu_offers_settings_to_admins_only(is_admin, offered, rf):
    request = rf.get("/")
    request.membership = SimpleNamespace(is_admin=is_admin)
    request.resolver_match = SimpleNamespace(namespace="billing", view_name="billing:credits")
    template = engines["django"].get_template("_sidebar.html")

    menu = template.render({"workspace": SimpleNamespace(slug="acme")}, request)

    entries = re.findall(r"</svg>\s*([^<]+)</a>", menu)
    assert [entry for entry in entries if entry in ("LLM settings", "Audit log")] == offered
    assert re.findall(r'aria-current="page">.*?</svg>\s*([^<]+)</a>', menu, re.DOTALL) == ["Credits"]
