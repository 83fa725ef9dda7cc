"""Texts that make a careless reader slow: a short thing, over and over, with something before and after it."""

from collections.abc import Callable

TextOf = Callable[[int], str]

ACCENTS = "\u0300\u0316"  # put in order two by two by those who normalise

UNITS = [
    # letters, and what folds, expands or is put in order
    "a", "A", "1", "a ", "a1 ", "y", "ay", "ß", "é", "İ", "가", "ﷺ", "é\u0301", ACCENTS, "\u0f73", "\u202e", "𝕬", "\u200b",
    # blanks
    " ", "\t", "\n", "\r\n", " \n", "\n ", "\x0b", "\u2028", "\xa0", "\0",
    # Markdown
    "#", "# ", "# a\n\n", "# a\nb\n\n", "a\n\n", "a. ", "a.\n", "> ", ">", "> a\n", "- ", "-\n", "- a\n", "1. ", "1.\n", "*", "*a ",
    "*a* ", "**", "**a ", "a**", "*a _b ", "_", "~~a ", "`", "`a`", "```\n", "~~~\n", "[", "]", "![", "[a](", "[](", "[]()", "](", "[a]",
    "[a](<", "[a](b '", "[a]: b\n", "![a](", "|", "|a", "|a|b\n", "|-", "||\n", "a\n-\n", "---\n", "<", "<a ", "<a>", "</", "<!--", "<?",
    "<![CDATA[", "<http://", "https://a ", "&", "&amp;", "&#", "\\", "\\[", "a  \n",
    # what stands for something elsewhere
    "sk-", "sk-ant-", "sk-a ", "Bearer ", "Bearer", "x-api-key ", "x-api-key:", "'", '"', "a'", "a’", "=", "+", "@", "a@", "a.a", "a-",
    "-a", "a-a", "/", "../", "http://", "//", "%", "%41", ";", "a=b;", ",", ":", "{", "{{ ", "{%", "(", ")", "$", "\ufdd0", "\ufffd",
]  # fmt: skip


def repeated(unit: str, *, head: str = "", tail: str = "") -> TextOf:
    """`repeated("a")(size)`: about `size` characters."""
    return lambda size: head + unit * (size // len(unit)) + tail


def different_words(size: int) -> str:
    return " ".join(f"w{number}ing" for number in range(size // 9))


def deeper_lists(size: int) -> str:
    return "".join(f"{'  ' * level}- a\n" for level in range(int(size**0.5)))


def longer_ticks(size: int) -> str:
    return "".join("`" * length + "a" for length in range(1, int((2 * size) ** 0.5)))


def wide_table(size: int) -> str:
    return "|a" * (size // 8) + "|\n" + "|-" * (size // 8) + "|\n" + "|\n" * (size // 4)


def many_references(size: int) -> str:
    return "[a]: /" + "u" * (size // 2) + "\n\n" + "[a] " * (size // 8)


TEXTS: dict[str, TextOf] = {repr(unit): repeated(unit) for unit in UNITS} | {
    "a heading of blanks": repeated(" ", head="# a", tail="x"),
    "a heading of signs": repeated("#", head="# a ", tail="x"),
    "lines of blanks": repeated("\n" + " " * 50 + "x"),
    "stars around a letter": lambda size: "*" * (size // 2) + "a" + "*" * (size // 2),
    "brackets around a letter": lambda size: "[" * (size // 2) + "a" + "]" * (size // 2),
    "stars opened, then closed": lambda size: "**a " * (size // 8) + "b** " * (size // 8),
    "quotes of a hundred levels": repeated("> " * 100 + "a\n\n"),
    "a link to a long address": repeated("&", head="[a](http://b/?", tail=")"),
    "a link to a long address of its own": repeated("&", head="<http://b/?", tail=">"),
    "code of blanks": repeated("\xa0", head="```\n", tail="\n```"),
    "different words": different_words,
    "deeper lists": deeper_lists,
    "longer ticks": longer_ticks,
    "a wide table": wide_table,
    "many references": many_references,
}
