"""A reply's Markdown becomes safe HTML: no scripts, no images, only http(s) links."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.markdown import ATTRIBUTES, CLASSES, TAGS
from agents.markdown import to_html as markdown_html
from tests.provider_double.text_modes import XSS
from workspaces.figures import exact_dollars

VECTORS = [
    *XSS.splitlines(),
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='//tracker.invalid/a.png'>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math href='javascript:alert(1)'>x</math>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<style>*{background:url(//tracker.invalid)}</style>",
    "<p style='background:url(//tracker.invalid)'>x</p>",
    "<div onclick=alert(1)>x</div>",
    "<body onload=alert(1)>",
    "<base href='//tracker.invalid/'>",
    "<meta http-equiv=refresh content='0;url=//tracker.invalid'>",
    "<form action='//tracker.invalid'><button>x</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?><script>alert(1)</script>",
    "<xss id=x tabindex=1 onfocus=alert(1)></xss>",
    "</div></article></main><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JAVASCRIPT:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](file:///etc/passwd)",
    "[x](//tracker.invalid)",
    "[x](/accounts/logout/)",
    "[x](?next=//tracker.invalid)",
    "[x](\\\\tracker.invalid)",
    "[x](http://ok.example \"onmouseover=alert(1)\")",
    "[x](<javascript:alert(1)>)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<https://ok.example/\"onmouseover=alert(1)>",
    "![x](https://tracker.invalid/p.png)",
    "![x](x\"onerror=\"alert(1))",
    "![x][2]\n\n[2]: https://tracker.invalid/p.png",
    "[![x](https://tracker.invalid/p.png)](https://ok.example)",
    "| a | <script>alert(1)</script> |\n| --- | --- |\n| <img src=x onerror=alert(1)> | `<b>` |",
    "```html\n<script>alert(1)</script>\n```",
    "```\"><script>alert(1)</script>\nx\n```",
    "`<img src=x onerror=alert(1)>`",
    "# <script>alert(1)</script>",
    "1. <svg onload=alert(1)>",
    "~~<script>alert(1)</script>~~",
    "**[x](javascript:alert(1))**",
    "\u202e<script>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
    "<a\x00href='javascript:alert(1)'>x</a>",
    "<" * 500 + "script>alert(1)</script>",
    "[" * 500 + "x" + "](javascript:alert(1))" * 500,
    "{{ 7*7 }} {% load x %} ${7*7}",
]  # fmt: skip


class Tags(HTMLParser):
    """Every tag and attribute, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def harmful(html: str) -> list[object]:
    """What in `html` could run, load, or lead somewhere it should not."""
    bad: list[object] = []
    for tag, attributes in Tags(html).found:
        allowed = {
            *ATTRIBUTES.get(tag, ()),
            *({"class"} if tag in CLASSES else ()),
            *({"rel"} if tag == "a" else ()),
        }
        if tag not in TAGS or set(attributes) - allowed:
            bad.append((tag, attributes))
        href = attributes.get("href")
        if href is not None and not re.match(r"https?://|mailto:|tel:", href, re.IGNORECASE):
            bad.append(href)
        if tag == "a" and attributes.get("rel") != "noopener nofollow noreferrer":
            bad.append(attributes)
    return bad


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_vector_is_harmless_as_html(vector: str) -> None:
    assert harmful(markdown_html(vector)) == []
    assert harmful(markdown_html(f"Before.\n\n> {vector}\n\nAfter.")) == []


@given(st.lists(st.sampled_from(VECTORS + list("<>\"'&()[]!`*_#|\n ")), max_size=8).map("".join))
def test_mixtures_of_vectors_are_harmless(text: str) -> None:
    assert harmful(markdown_html(text)) == []


@given(st.text(max_size=200))
def test_any_text_is_harmless(text: str) -> None:
    assert harmful(markdown_html(text)) == []


def test_markdown_is_shown_as_markdown() -> None:
    html = markdown_html(
        "# T\n\n**b** *i* ~~s~~ `c`\n\n1. one\n\n- two\n\n| a |\n| --- |\n| b |\n\n[l](https://ok.example/?a=1&b=2)"
    )

    for part in (
        "<strong>b</strong>",
        "<em>i</em>",
        "<del>s</del>",
        '<code dir="ltr">c</code>',
        "<li>one</li>",
        "<td>b</td>",
    ):
        assert part in html
    link = '<a href="https://ok.example/?a=1&amp;b=2" rel="noopener nofollow noreferrer">l</a>'
    assert link in html


def test_html_is_shown_as_text() -> None:
    assert markdown_html("<b>bold?</b>") == '<p dir="auto">&lt;b&gt;bold?&lt;/b&gt;</p>\n'


@pytest.mark.parametrize(("millionths", "shown"), [
    (None, "unknown"), (0, "$0"), (1, "$0.000001"), (1_200, "$0.0012"), (1_000_000, "$1"), (10_000_000, "$10"),
])  # fmt: skip
def test_money_is_shown_without_needless_digits(millionths: int | None, shown: str) -> None:
    assert exact_dollars(millionths) == shown
