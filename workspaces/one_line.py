"""Names that people choose.

They appear in mails and on other people's pages, so each is one line in one reading direction.
"""

import re
import unicodedata

# Control characters and signs that reverse the text next to them, which could make a name look like another.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Signs that Unicode counts as letters or symbols but that show nothing: Hangul fillers, and Braille without a dot.
BLANK = "\u115f\u1160\u3164\uffa0\u2800"
# Categories of signs that show nothing: controls, format signs, surrogates, blanks. Unassigned code points count as
# visible, because newer Unicode may have assigned them.
UNSEEN_KINDS = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")


def one_line(text: str) -> str:
    """`text` without line breaks, which would start a new paragraph in a mail, and without UNSEEN."""
    return " ".join(UNSEEN.sub("", " ".join(text.split())).split())


def is_seen(text: str) -> bool:
    """Whether the text shows anything on a page."""
    return any(unicodedata.category(sign) not in UNSEEN_KINDS and sign not in BLANK for sign in text)
