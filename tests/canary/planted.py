"""The secrets that the canary suite plants: new ones in every run, so that none can be met by chance.

Half of them hold the characters that JSON, HTML, URLs and Python's repr write differently; the others
look like a provider's own. All of them pass the forms.
"""

import os
import random
import string
from functools import cache

from llm.providers import roster
from tests.canary.scanner import Scanner, is_distinctive

PLAIN = string.ascii_letters + string.digits
ODD = "\"&<>+%/\\'=;{}"
# Neither the shared generator, which a run's seed sets, nor repeatable: a fixture of last week means nothing here.
_random = random.SystemRandom()


def new_secret(prefix: str, *, odd: bool = False) -> str:
    """About 250 bits in the shape of a provider key."""
    while True:
        body = [_random.choice(PLAIN) for _ in range(44)]
        if odd:
            for place, sign in zip(range(3, 44, 3), ODD, strict=False):
                body[place] = sign
        secret = prefix + "".join(body)
        if is_distinctive(secret):
            return secret


def new_prompt() -> str:
    return "canary " + "".join(_random.choice(PLAIN) for _ in range(40))


def new_secrets(*, odd: int) -> dict[str, str]:
    """One of each provider; of two neighbours in the roster, the first (0) or the second (1) is `odd`."""
    return {
        one.name: new_secret(one.key_prefix, odd=place % 2 == odd) for place, one in enumerate(roster.KEYED)
    }


ACME = new_secrets(odd=0)
# What they had before, so that a superseded row is about too.
ACME_BEFORE = new_secrets(odd=1)
GLOBEX = new_secrets(odd=1)
PLATFORM = new_secrets(odd=0)
PROMPT = new_prompt()
ANSWER = new_prompt()

SECRETS = {
    f"{owner}'s {provider} secret": secret
    for owner, held in (
        ("Acme", ACME), ("Acme's former", ACME_BEFORE), ("Globex", GLOBEX), ("the platform", PLATFORM),
    )
    for provider, secret in held.items()
}  # fmt: skip
TALK = {"the prompt": PROMPT, "the answer": ANSWER}


def deployment_secrets() -> dict[str, str]:
    """What the environment holds: the KEK and Django's own key."""
    return {"the KEK": os.environ["VAULT_KEYS"].partition(":")[2], "SECRET_KEY": os.environ["SECRET_KEY"]}


@cache
def nowhere() -> Scanner:
    """Looks for what no page, row, header, file or line may hold."""
    return Scanner(SECRETS | deployment_secrets())


@cache
def not_in_reports() -> Scanner:
    """Looks for what may stand in the database and on a member's page, but in no log, mail or error page."""
    return Scanner(SECRETS | deployment_secrets() | TALK)
