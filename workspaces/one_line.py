"""Names that people choose stand in mails and on other people's pages: each is one line, read from its beginning to its end."""

import re
import unicodedata

from django import forms

# Controls, and the signs that turn the order around of what stands beside them: with those a name shows as another.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Signs that count as letters and pictures, and show nothing: Hangul's fillers, and Braille without a dot.
BLANK = "\u115f\u1160\u3164\uffa0\u2800"
# Controls, signs of format, halves of pairs, and blanks. What Unicode has assigned since is seen.
UNSEEN_KINDS = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")


def one_line(text: str) -> str:
    """`text` without line breaks, which would begin another paragraph of a mail, and without UNSEEN."""
    return " ".join(UNSEEN.sub("", " ".join(text.split())).split())


def is_seen(text: str) -> bool:
    """Whether anything of it shows on a page."""
    return any(unicodedata.category(sign) not in UNSEEN_KINDS and sign not in BLANK for sign in text)


class Named(forms.BaseForm):
    """For a form with a `name`, which is one line."""

    def clean_name(self) -> str:
        name, field = one_line(self.cleaned_data["name"]), self.fields["name"]
        if not is_seen(name):
            name = ""
        if field.required and not name:
            raise forms.ValidationError(field.error_messages["required"])
        return name
