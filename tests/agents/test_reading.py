"""What models write is shown as they meant it: cases from public bug reports, and similar ones."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.markdown import as_written, to_html
from agents.reading.live import LiveText
from tests.agents.written_answers import ANSWERS

NAME = "reply-01a217d1-755a-759f-8c1e-c86ac8505529"


def html(text: str, sources: int = 0) -> str:
    """Without what every link and block has."""
    return re.sub(r' rel="[^"]*"| dir="auto"', "", to_html(text, NAME, sources)).strip()


@pytest.mark.parametrize(("text", "shown"), [
    ("12 Main Street\n10115 Berlin\nGermany", "<p>12 Main Street<br>\n10115 Berlin<br>\nGermany</p>"),
    ("- a\n  b\n- c", "<ul>\n<li>a<br>\nb</li>\n<li>c</li>\n</ul>"),
    ("> a\n> b", "<blockquote><p>a<br>\nb</p>\n</blockquote>"),
    ("a  \nb\\\nc", "<p>a<br>\nb<br>\nc</p>"),
    ("a<br>b<BR/>c `<br>`", '<p>a<br>b<br>c <code dir="ltr">&lt;br&gt;</code></p>'),
    ("```\na\n\nb\n```", '<div class="code"><pre dir="ltr" tabindex="0" role="group" aria-label="Code"><code>a\n\nb\n</code></pre></div>'),
])  # fmt: skip
def test_line_breaks_are_kept(text: str, shown: str) -> None:
    assert html(text) == shown


@pytest.mark.parametrize(("text", "levels"), [
    ("# Refunds\n\nText\n\n## Steps", [3, 4]),
    ("## Refunds\n\n## Steps\n\n### Note", [3, 3, 4]),
    ("### Refunds\n\n# Steps\n\n###### Note", [3, 3, 4]),
    ("# a\n## b\n### c\n#### d\n##### e\n###### f\n# g", [3, 4, 5, 6, 6, 6, 3]),
    ("Title\n===\n\nLess\n---", [3, 4]),
])  # fmt: skip
def test_headings_are_below_the_pages_and_none_is_skipped(text: str, levels: list[int]) -> None:
    assert [int(level) for level in re.findall(r"<h(\d)>", html(text))] == levels


@pytest.mark.parametrize(("text", "shown"), [
    ("**重要：**内容", "<strong>重要：</strong>内容"),
    ("请看**“退款政策”**的说明。", "请看<strong>“退款政策”</strong>的说明。"),
    ("**日本語**です「**太字…**」", "<strong>日本語</strong>です「<strong>太字…</strong>」"),
    ("**스크립트(script)**라고", "<strong>스크립트(script)</strong>라고"),
    ("*（注）*を~~「旧」~~新", "<em>（注）</em>を<del>「旧」</del>新"),
    ("**[链接](https://a.example)**请", '<strong><a href="https://a.example">链接</a></strong>请'),
    ("`**中。**文` \\**中*", '<code dir="ltr">**中。**文</code> *<em>中</em>'),
    ("2**3 和 4**5", "2<strong>3 和 4</strong>5"),
])  # fmt: skip
def test_emphasis_beside_text_without_blanks(text: str, shown: str) -> None:
    assert html(text) == f"<p>{shown}</p>"


@pytest.mark.parametrize("maths", [
    r"\(\pi r^2\)", r"\(a_1 * b_2 * c\)", r"\[ x_1*y_2*z \]", r"$$\sum_{i=1}^n a_i * b_i$$", "$a_1 + b_{2}$",
    r"\(f(x)[1] \, < y & z\)", "\\[\na = b\n+ c\n- d\n= \\frac{1}{2} \\\\\n\\]", "$$\n# x_1 | y\n$$",
])  # fmt: skip
def test_maths_keeps_its_signs(maths: str) -> None:
    kept = re.sub("<br>|</?span[^>]*>", "", html(f"So {maths} is *it*.", sources=9))
    escaped = maths.replace("&", "&amp;").replace("<", "&lt;")

    assert kept == f"<p>So {escaped} is <em>it</em>.</p>"
    assert f"&gt; {escaped.splitlines()[0]}" not in html(
        "\n".join(f"> {line}" for line in maths.splitlines())
    )


@pytest.mark.parametrize("text", [
    "It costs $5 and *not* $10.", "**$5**–**$10**", "$$ is cheap, *really*, and $$$ is not", "`\\(` and *x* and `\\)`",
    "a \\( *b*\n\nc \\)", "US$5 *a* US$6",
])  # fmt: skip
def test_money_and_lone_signs_are_no_maths(text: str) -> None:
    assert "math" not in html(text)
    assert re.search("<em>|<strong>", html(text))


@pytest.mark.parametrize(("text", "shown"), [
    ("See https://a.example/b_c_d?e=1&f=2. Or", 'See <a href="https://a.example/b_c_d?e=1&amp;f=2">https://a.example/b_c_d?e=1&amp;f=2</a>. Or'),
    ("(https://a.example/(b))", '(<a href="https://a.example/(b)">https://a.example/(b)</a>)'),
    ("https://a.example/_b_/*c*", '<a href="https://a.example/_b_/*c">https://a.example/_b_/*c</a>*'),
    ("**https://a.example**", '<strong><a href="https://a.example">https://a.example</a></strong>'),
    ("网址是https://a.example/b。请看", '网址是<a href="https://a.example/b">https://a.example/b</a>。请看'),
    ("https://zh.example/wiki/北京。", '<a href="https://zh.example/wiki/北京">https://zh.example/wiki/北京</a>。'),
    ("www.a.example, me@a.example", '<a href="https://www.a.example">www.a.example</a>, <a href="mailto:me@a.example">me@a.example</a>'),
    ("[w](mailto:me@a.example) <me@a.example>", '<a href="mailto:me@a.example">w</a> <a href="mailto:me@a.example">me@a.example</a>'),
    ("[call](tel:+4930) [x](/help/) [y](#z)", '<a href="tel:+4930">call</a> x (/help/) y'),
    ("![A *chart*](https://a.example/c.png) ![](data:x)", '<a class="image" href="https://a.example/c.png">A <em>chart</em></a> image (data:x)'),
    ("[![x](https://a.example/x.png)](https://b.example)", '<a href="https://b.example">x</a>'),
    ("foo@ @bar http:// https://", "foo@ @bar http:// https://"),
])  # fmt: skip
def test_addresses(text: str, shown: str) -> None:
    assert html(text) == f"<p>{shown}</p>"


def test_a_table_is_aligned_in_a_frame_of_its_own() -> None:
    shown = html("| | Plan | Price |\n|-|:-:|-:|\n| a | **b** | c |\n\nend")

    assert shown.startswith(
        '<div class="table-frame" role="group" tabindex="0" aria-label="Table: Plan, Price"><table>'
    )
    assert (
        '<tr><td></td><th scope="col" class="align-center">Plan</th><th scope="col" class="align-right">Price</th></tr>'
        in shown
    )
    assert (
        '<tr><td>a</td><td class="align-center"><strong>b</strong></td><td class="align-right">c</td></tr>'
        in shown
    )
    assert shown.endswith("</tbody></table></div>\n<p>end</p>")


def test_tasks_code_and_footnotes() -> None:
    assert (
        html("- [x] a")
        == '<ul>\n<li class="task"><span class="task__box" role="img" aria-label="done">\u2611</span> a</li>\n</ul>'
    )
    assert 'data-language="c++"' in html('```c++ title="x"\nint a;\n```')
    assert "data-language" not in html('```"onload=x\na\n```')
    noted = html("So.[^why]\n\n[^why]: Because.")
    assert f'<sup><a href="#{NAME}-note-why" id="{NAME}-ref-why">why</a></sup>' in noted
    assert (
        f'<div class="footnote" id="{NAME}-note-why"><sup><a href="#{NAME}-ref-why">why</a></sup>\n<p>Because.</p>'
        in noted
    )


def mark(number: int, shown: str = "", *, is_first: bool = True) -> str:
    anchor = f' id="{NAME}-mark-{number}"' if is_first else ""
    href = f"#{NAME}-source-{number}"
    return (
        f'<a class="mark" href="{href}"{anchor} aria-label="Source [{number}]">{shown or f"[{number}]"}</a>'
    )


@pytest.mark.parametrize(("text", "shown"), [
    ("It is so [1].", f"It is so {mark(1)}."),
    ("So.[1][2] And [1]", f"So.{mark(1)}{mark(2)} And {mark(1, is_first=False)}"),
    ("So [1, 2].", f"So [{mark(1, '1')}, {mark(2, '2')}]."),
    ("三十天[1]。", f"三十天{mark(1)}。"),
    ("**Bold**[1]", f"<strong>Bold</strong>{mark(1)}"),
    ("So [3] and [0].", "So [3] and [0]."),
    ("arr[1] a[0][1] x_[1]", "arr[1] a[0][1] x_[1]"),
    ("`[1]` and `a`[1]", '<code dir="ltr">[1]</code> and <code dir="ltr">a</code>[1]'),
    ("[see [1]](https://a.example)", '<a href="https://a.example">see [1]</a>'),
    (r"\(a [1]\)", r'<span class="math" dir="ltr">\(a [1]\)</span>'),
])  # fmt: skip
def test_marks_lead_to_the_sources_there_are(text: str, shown: str) -> None:
    assert html(text, sources=2) == f"<p>{shown}</p>"


def test_a_model_cannot_make_an_anchor_or_lead_to_one() -> None:
    shown = html(f'[x](#{NAME}-source-1) <a id="{NAME}-source-1">', sources=1)

    assert "href" not in shown
    assert " id=" not in shown.replace("&lt;a id=", "")


def test_what_grows_or_nests_too_much_is_shown_as_written() -> None:
    for text in (
        "|a" * 2000 + "|\n" + "|-" * 2000 + "|\n" + "a\n" * 2000,
        "> " * 200 + "x",
        "- " * 200 + "x",
    ):
        assert to_html(text) == as_written(text)


@pytest.mark.parametrize(
    "text",
    [
        "&nbsp;",
        "&#8203; &shy;",
        "[]()",
        "[](https://acme.test/)",
        "#",
        "> ",
        "```\n```",
        "[a]: https://acme.test/",
        "| |\n|-|",
    ],
)
def test_what_would_show_nothing_is_shown_as_written(text: str) -> None:
    assert to_html(text) == as_written(text)


@pytest.mark.parametrize("text", ["1.", "-", "***", "- [ ] ", "![](https://acme.test/a.png)"])
def test_marker_or_a_line_is_something_to_see(text: str) -> None:
    assert "--plain" not in to_html(text)


def test_nothing_stays_nothing() -> None:
    assert [to_html(text) for text in ("", " \n", "\u200b\u3164")] == [
        "",
        "",
        '<p dir="auto">\u200b\u3164</p>\n',
    ]


# --- While it comes -------------------------------------------------------------------------------


def blocks(shown: str) -> list[str]:
    """The elements at the top; none of them has a line's end and one of these tags within that is not nested."""
    found, depth, start = [], 0, 0
    for tag in re.finditer(r"<(/?)(\w+)[^>]*>", shown):
        if tag[2] in ("br", "hr") and depth:
            continue
        if not tag[1]:
            start = start if depth else tag.start()
            depth += tag[2] not in ("br", "hr")
        else:
            depth -= 1
        if not depth:
            found.append(shown[start : tag.end()])
    return found


def live(text: str, size: int, monkeypatch: pytest.MonkeyPatch | None = None) -> list[str]:
    """What a page shows when all of `text` has come in pieces of `size`, with a step for each."""
    shown: list[str] = []
    coming = LiveText(NAME, 2)
    for start in range(0, len(text), size):
        coming.add(text[start : start + size])
        while coming.wait() is not None:
            update = coming.render()
            shown = shown[: update.start] + blocks(update.html)
    return shown


@pytest.mark.parametrize("size", [1, 7, 400])
@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"links", "footnotes"}))
def test_blocks_that_came_are_those_of_the_finished_reply(name: str, size: int) -> None:
    assert live(ANSWERS[name], size) == blocks(to_html(ANSWERS[name], NAME, 2))


PARTS = [
    "# a", "#", "- ", "* ", "1. ", "2) ", "> ", "```", "~~~py", "    ", "  ", "\n", "\n\n", "a", "b c", "**", "_", "`", "|", "|a|b|\n|-|-|\n",
    "---", "===", "[1]", "中。", "\\(", "\\)", "$", "<", "[ ] ", "a | b",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=25).map("".join), st.sampled_from([1, 2, 5, 13]))
def test_any_text_that_came_is_the_finished_one(text: str, size: int) -> None:
    """But for maths that is never ended and Markdown that shows nothing, of which nobody knows before."""
    whole = to_html(text, NAME, 2)
    if not re.search(r"\\[(\[]|\$", text) and whole != as_written(text):
        assert live(text, size) == blocks(whole)


def test_finished_blocks_are_sent_once() -> None:
    coming, sent = LiveText(NAME, 0), []
    for number in range(200):
        coming.add(f"Paragraph {number}.\n\n")
        if coming.wait() is not None:
            sent.append(coming.render())

    assert all(len(blocks(update.html)) <= 3 for update in sent)
    assert [update.start for update in sent] == sorted(update.start for update in sent)


def test_a_long_text_at_once_is_rendered_step_by_step() -> None:
    text = "A paragraph of some words.\n\n" * 2_000
    coming = LiveText(NAME, 0)
    coming.add(text)
    shown: list[str] = []
    steps = 0
    while coming.wait() is not None:
        update = coming.render()
        assert len(update.html) < 20_000
        shown = shown[: update.start] + blocks(update.html)
        steps += 1

    assert steps > 5
    assert shown == blocks(to_html(text, NAME))


def test_a_block_that_is_too_much_is_shown_as_written() -> None:
    coming = LiveText(NAME, 0)
    coming.add("Before.\n\n" + "> " * 200 + "x")

    assert coming.render().html.startswith('<div class="chat__text--plain" dir="auto">Before.')
    assert coming.wait() is None


def test_all_together_take_their_share_of_the_time() -> None:
    first, second = LiveText(NAME, 0), LiveText(NAME, 0)
    first.add("a *b* " * 1_000)
    second.add("a")
    second._may_at = 0.0

    first.render()

    assert (second.wait() or 0) > 0
