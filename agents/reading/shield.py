"""Hiding non-Markdown from the Markdown parser: raw HTML, maths, a lone tilde; and fixing emphasis next to CJK text.

Each such sign is replaced by a stand-in, a character that no text contains (a "noncharacter" of Unicode), and
restored when the HTML is written. So nothing is lost, wherever the sign was: in a link, in code, in a table.
"""

import re

# For "<". Raw HTML is shown as text, so the parser gets no "<" except that of <https://…> and <a@b.example>.
LESS_THAN = "\ufdd0"
# Begin and end of maths, including its delimiters.
MATHS, MATHS_END = "\ufdd1", "\ufdd2"
# Inserted between CJK text and "*" or "~~". It counts as a letter and is removed later.
_LETTER = "\ufdd3"
_HIDDEN = dict(zip("~\\*_[]()#+-.!|>&=^${}:@", map(chr, range(0xFDD4, 0xFDF0)), strict=False))
_TILDE = _HIDDEN["~"]
# Stand-ins for signs in an address.
IN_ADDRESS = _HIDDEN["~"] + _HIDDEN["*"] + _HIDDEN["_"]

_HIDE = str.maketrans({**_HIDDEN, "<": LESS_THAN})
_SHOW = str.maketrans(
    {stand_in: sign for sign, stand_in in _HIDDEN.items()}
    | {LESS_THAN: "<", MATHS: "", MATHS_END: "", _LETTER: ""}
)
_NO_STAND_INS = str.maketrans(dict.fromkeys(map(chr, range(0xFDD0, 0xFDF0)), "\ufffd"))

_RAW = re.compile(r"<(?!https?://|mailto:|[\w.+-]{1,64}@)", re.IGNORECASE)
# Inside an address these signs are no emphasis: https://example.com/_a_/b
_ADDRESS = re.compile(r"https?://[^\s<>`|]+", re.IGNORECASE)
_STRESS = re.compile(r"(?<![*_\\])[*_]++(?=[A-Za-z0-9/])")
# A single tilde means "about"; only two strike out.
_LONE_TILDE = re.compile(r"(?<!~)~(?!~)")

# A backslash with its sign, dollars, and what ends maths: code, and the end of a paragraph.
_MATHS_SIGN = re.compile(r"\\[^\n]|\$+|`|\n(?:[ \t>]*\n)?")
_OPENS = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}
_CLOSES = {close: opening for opening, close in _OPENS.items()}
# Text between dollars is maths only with one of these signs; otherwise the dollars are money.
_ONLY_IN_MATHS = re.compile(r"[\\^_={]")

# Chinese, Japanese and Korean letters and punctuation.
CJK = (
    "\u1100-\u11ff\u2e80-\u312f\u3130-\u318f\u31a0-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
_CJK_LETTER = re.compile(f"[{CJK}]")
_RUN = re.compile(r"\*+|(?<!~)~~(?!~)")


def shielded(text: str, *, is_whole: bool = True) -> str:
    """`text` for the parser. Unless it `is_whole`, unfinished maths extends to the end."""
    text = text.translate(_NO_STAND_INS)
    text = _shield_maths(text, is_whole=is_whole)
    text = _RAW.sub(LESS_THAN, text)
    text = _ADDRESS.sub(lambda address: _STRESS.sub(_hidden, address[0]), text)
    text = _LONE_TILDE.sub(_TILDE, text)
    return text if text.isascii() else _shield_emphasis(text)


def as_written(text: str) -> str:
    """The original of shielded `text`."""
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
    """Where the maths began that `sign` ends, if it ends any. Each possible beginning is checked once."""
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
    # Inside a quotation each line begins with ">".
    if others and all(line.startswith(">") for line in others):
        lines = [first.translate(_HIDE), *(">" + line[1:].translate(_HIDE) for line in others)]
        return MATHS + "\n".join(lines) + MATHS_END
    return MATHS + text.translate(_HIDE) + MATHS_END


def _shield_emphasis(text: str) -> str:
    """`text` with a stand-in letter between "**" and CJK text or punctuation.

    CommonMark requires a blank next to "**" that has punctuation inside: "**重要：**内容" would not be bold. Those
    languages write no blanks. As in the "CJK-friendly" amendment, such a run may open and close emphasis on both
    sides.
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
