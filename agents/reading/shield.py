"""What the Markdown parser must not take for Markdown: raw HTML, maths, a lone tilde; and emphasis beside CJK text.

Each sign that would be taken is replaced by a stand-in, a character that no text has ("noncharacters" of Unicode),
and comes back when the HTML is written. So nothing is lost, wherever the sign stood: in a link, in code, in a table.
"""

import re

# Where "<" stood. Raw HTML is text here, so the parser never sees one, but for those of <https://…> and <a@b.example>.
LESS_THAN = "\ufdd0"
# Where maths begins and ends, its delimiters within.
MATHS, MATHS_END = "\ufdd1", "\ufdd2"
# Beside "*" and "~~" next to CJK text. It counts as a letter, and means nothing.
_LETTER = "\ufdd3"
_HIDDEN = dict(zip("~\\*_[]()#+-.!|>&=^${}:@", map(chr, range(0xFDD4, 0xFDF0)), strict=False))
_TILDE = _HIDDEN["~"]
# Stand-ins that an address has.
IN_ADDRESS = _HIDDEN["~"] + _HIDDEN["*"] + _HIDDEN["_"]

_HIDE = str.maketrans({**_HIDDEN, "<": LESS_THAN})
_SHOW = str.maketrans(
    {stand_in: sign for sign, stand_in in _HIDDEN.items()}
    | {LESS_THAN: "<", MATHS: "", MATHS_END: "", _LETTER: ""}
)
_NO_STAND_INS = str.maketrans(dict.fromkeys(map(chr, range(0xFDD0, 0xFDF0)), "\ufffd"))

_RAW = re.compile(r"<(?!https?://|mailto:|[\w.+-]{1,64}@)", re.IGNORECASE)
# Inside an address, where they stress nothing: https://example.com/_a_/b
_ADDRESS = re.compile(r"https?://[^\s<>`|]+", re.IGNORECASE)
_STRESS = re.compile(r"(?<![*_\\])[*_]++(?=[A-Za-z0-9/])")
# Meant as "about": only two of them strike out.
_LONE_TILDE = re.compile(r"(?<!~)~(?!~)")

# A pair of a backslash and a sign, dollars, and what maths does not run over: code, and the end of a paragraph.
_MATHS_SIGN = re.compile(r"\\[^\n]|\$+|`|\n(?:[ \t>]*\n)?")
_OPENS = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}
_CLOSES = {close: opening for opening, close in _OPENS.items()}
# Between dollars there must be one of these, else they are money.
_ONLY_IN_MATHS = re.compile(r"[\\^_={]")

# Chinese, Japanese and Korean letters and punctuation.
CJK = (
    "\u1100-\u11ff\u2e80-\u312f\u3130-\u318f\u31a0-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
_CJK_LETTER = re.compile(f"[{CJK}]")
_RUN = re.compile(r"\*+|(?<!~)~~(?!~)")


def shielded(text: str, *, is_whole: bool = True) -> str:
    """`text` for the parser. Unless it `is_whole`, maths that was begun and not ended goes on to the end."""
    text = text.translate(_NO_STAND_INS)
    text = _shield_maths(text, is_whole=is_whole)
    text = _RAW.sub(LESS_THAN, text)
    text = _ADDRESS.sub(lambda address: _STRESS.sub(_hidden, address[0]), text)
    text = _LONE_TILDE.sub(_TILDE, text)
    return text if text.isascii() else _shield_emphasis(text)


def as_written(text: str) -> str:
    """What the parser was given as `text`, as it was written."""
    return text if text.isascii() else text.translate(_SHOW)


def _hidden(signs: re.Match[str]) -> str:
    return signs[0].translate(_HIDE)


def _shield_maths(text: str, *, is_whole: bool) -> str:
    if "\\" not in text and "$" not in text:
        return text
    parts: list[str] = []
    done = 0
    begun: dict[str, int] = {}
    for sign in _MATHS_SIGN.finditer(text):
        kind = sign[0]
        start = _begin_of_maths(text, sign, begun)
        if start is not None:
            parts += [text[done:start], _maths(text[start : sign.end()])]
            done = sign.end()
            begun.clear()
        elif kind in _OPENS and (kind != "$" or _may_open(text, sign)):
            begun[kind] = sign.start()
        elif kind == "\n":
            begun.pop("$", None)
        elif kind[0] in "`\n":
            begun.clear()
    unended = [start for kind, start in begun.items() if kind != "$"]
    if unended and not is_whole:
        parts += [text[done : min(unended)], _maths(text[min(unended) :])]
        done = len(text)
    return "".join([*parts, text[done:]])


def _begin_of_maths(text: str, sign: re.Match[str], begun: dict[str, int]) -> int | None:
    """Where the maths began that `sign` ends, if it ends any. What it could have ended is looked at once."""
    start = begun.pop(_CLOSES.get(sign[0], ""), None)
    if start is None or not sign[0].startswith("$"):
        return start
    before, after = text[sign.start() - 1], text[sign.end() : sign.end() + 1]
    closes = sign[0] == "$$" or not (before.isspace() or after.isdigit())
    return start if closes and _ONLY_IN_MATHS.search(text, start, sign.start()) else None


def _may_open(text: str, dollar: re.Match[str]) -> bool:
    after, before = text[dollar.end() : dollar.end() + 1], text[dollar.start() - 1 : dollar.start()]
    return bool(after) and not after.isspace() and not before.isalnum()


def _maths(text: str) -> str:
    first, *others = text.split("\n")
    # Inside a quotation each line has its mark.
    if others and all(line.startswith(">") for line in others):
        lines = [first.translate(_HIDE), *(">" + line[1:].translate(_HIDE) for line in others)]
        return MATHS + "\n".join(lines) + MATHS_END
    return MATHS + text.translate(_HIDE) + MATHS_END


def _shield_emphasis(text: str) -> str:
    """`text` with a letter between "**" and CJK text or its punctuation.

    CommonMark wants a blank beside "**" where it meets punctuation from within: "**重要：**内容" would not be bold.
    Those languages write no blanks. As others do (the "CJK-friendly" amendment), each side of such a run may open and
    close.
    """
    return _RUN.sub(_with_letters, text)


def _with_letters(run: re.Match[str]) -> str:
    text, start, end = run.string, run.start(), run.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    if not (_CJK_LETTER.match(before) or _CJK_LETTER.match(after)):
        return run[0]
    left = "" if not before.strip() or before == "\\" else _LETTER
    right = _LETTER if after.strip() else ""
    return left + run[0] + right
