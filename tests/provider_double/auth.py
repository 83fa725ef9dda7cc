"""Which secrets the double accepts: any, unless it is on the revoked list or says itself how it wants to be met."""

import re

# A random secret may well contain "bad" (it is three hexadecimal digits), so it counts only as a word of its own.
BAD = re.compile(r"(?<![A-Za-z0-9])bad(?:key)?\d*(?![A-Za-z0-9])", re.IGNORECASE)

HINT = """\
any secret is accepted, except:
  sk-bad-…, sk-ant-bad-… (the word "bad")     401, the provider rejects it
  …forbid…                                    403, it may not do this
  …quota…                                     429, its quota is used up
  no secret at all                            401"""


class Auth:
    """Decides on a secret alone; a script can still misbehave towards a secret that was accepted."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()

    def refusal(self, secret: str) -> str:
        """The kind of error this secret meets, or an empty string."""
        if not secret:
            return "no_secret"
        if secret in self.revoked or BAD.search(secret):
            return "wrong_secret"
        if "forbid" in secret:
            return "forbidden"
        return "quota" if "quota" in secret else ""
