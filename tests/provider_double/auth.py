"""Which secrets the double accepts: any of the right sort that is not revoked and contains no word for an error."""

import re
from functools import lru_cache

from .rules import WRONG_SORTS

# Word in a secret: (error of every call, error of a call for the model list, error of a call for a reply), each a kind
# in the error tables.
WORDS = {
    "bad": ("wrong_secret", "", ""),
    "badkey": ("wrong_secret", "", ""),
    "deactivated": ("deactivated", "", ""),
    "region": ("incorrect_hostname", "", ""),
    "ip": ("ip_not_authorized", "", ""),
    "country": ("region", "", ""),
    "nolist": ("", "missing_scope_list", ""),
    "nochat": ("", "", "missing_scope_request"),
    "noaccess": ("", "", "not_allowed_model"),
    "nofunds": ("", "", "balance"),
}
# A word counts only if it stands by itself, because a random secret may contain "bad" (three hexadecimal digits).
WORD = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(WORDS)})\d*(?![A-Za-z0-9])", re.IGNORECASE)

HINT = """\
any secret is accepted, except one that has one of these words:
  -bad-           401, the provider rejects it          -deactivated-  401, its account is closed
  forbid          403, it may not do this               quota          429, its quota is used up
  -nolist-        chats, and may not list models        -nochat-       lists models, and may not chat
  -noaccess-      chats with no model (OpenAI: 403)     -nofunds-      lists models, and has no money to chat
  -region-        of another region (OpenAI)            -ip-           not from this address (OpenAI)
  -country-       403, the country is not served
and one of another sort or maker: sk-admin-, sk-ant-admin01-, sk-ant-oat01-, sk-or-v1- and the like get 401"""


@lru_cache(maxsize=8192)
def met(secret: str, provider: str) -> tuple[str, str, str]:
    """The errors that the words in a secret ask for, as in WORDS."""
    if not secret:
        return "no_secret", "", ""
    if secret.startswith(WRONG_SORTS[provider]):
        return "wrong_secret", "", ""
    word = WORD.search(secret)
    if word:
        return WORDS[word[1].lower()]
    if "forbid" in secret:
        return "forbidden", "", ""
    return ("quota" if "quota" in secret else ""), "", ""


class Auth:
    """Decides about a secret alone. A script can still make a call fail whose secret was accepted."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def refusal(self, secret: str, provider: str, chat: bool) -> str:
        """The kind of error that this secret gets, or an empty string."""
        if secret in self.revoked:
            return "wrong_secret"
        always, listing, chatting = met(secret, provider)
        return always or (chatting if chat else listing)
