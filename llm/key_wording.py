"""The wording of a provider key's problems: one table by fault, for the key's card, messages and the account's list.

The fault is the one stored with the key, from the last check or reply. Without a stored fault, the key's health
decides.
"""

from typing import NamedTuple

from llm import listing
from llm.models import Provider, ProviderKey
from llm.providers.base import Fault
from workspaces import contact

Health = ProviderKey.Health


class Wording(NamedTuple):
    """`problem`: a few words. `said`: a clause without a full stop. `advice`: whole sentences, or empty."""

    problem: str
    said: str
    advice: str = ""


SAYS_NOTHING = "That says nothing of the key."
OPERATOR = f"{SAYS_NOTHING} {{operator}} has to look at how this server reaches {{name}}."
LATER = f"{SAYS_NOTHING} Choose Verify again in a while."

OF_FAULT = {
    Fault.REJECTED: Wording(
        "rejected",
        "{name} rejects {key}: replies on it will fail",
        "Replace it, or repair it in your {name} account and choose Verify.",
    ),
    Fault.LACKS_PERMISSION: Wording(
        "lacks a permission",
        "{name} says that it may not run replies",
        "Give it the permission “Model capabilities: Request” in your {name} account, or replace it.",
    ),
    Fault.NOT_ALLOWED: Wording(
        "not allowed",
        "{name} does not allow the request, without naming the key as the reason",
        "Look at what its project or workspace may do in your {name} account. The next reply shows whether the key works.",
    ),
    Fault.WRONG_REGION: Wording(
        "wrong region",
        "{name} keeps the project's data in another region",
        "The key may well be right: choose the region of its project here.",
    ),
    Fault.ADDRESS_REFUSED: Wording(
        "this server's address is not on the list",
        "Your {name} account answers listed addresses only, and this server's is not among them",
        "The key may well be right: add the address in your {name} account and choose Verify.",
    ),
    Fault.PLACE_NOT_SERVED: Wording(
        "this server's country is not served",
        "{name} does not serve the country, region or territory that this server is in",
        f"{SAYS_NOTHING} Use a model of another provider. {{operator}} may move the server or its way out.",
    ),
    Fault.ORGANISATION_DISABLED: Wording(
        "organisation disabled",
        "{name} has disabled the organisation",
        "Your {name} account and its support say why.",
    ),
    Fault.RATE_LIMITED: Wording(
        "rate limit reached",
        "{name} knows {key}, but is limiting its requests",
        "Look at the rate limits of your {name} account.",
    ),
    Fault.NO_FUNDS: Wording(
        "out of funds or quota",
        "{name} knows {key}, but says that the account is out of funds or has reached its own limit",
        "Look at the billing page and the budget of your {name} account.",
    ),
    Fault.UNAVAILABLE: Wording("provider had problems", "{name} is having problems", LATER),
    Fault.UNREACHABLE: Wording("provider not reached", "{name} could not be reached", LATER),
    Fault.TIMED_OUT: Wording("no answer in time", "{name} did not answer in time", LATER),
    Fault.NOT_THE_PROVIDER: Wording(
        "something else answered",
        "{name} could not be reached: something else answered in its place, such as a proxy or a sign-in page",
        OPERATOR,
    ),
    Fault.REDIRECTED: Wording(
        "redirected", "{name} could not be reached: a redirect came, and none is followed", OPERATOR
    ),
    Fault.MALFORMED: Wording("unreadable answer", "{name} sent an answer that cannot be read", OPERATOR),
}
# A check needs the right to list models; a key without it may still run replies.
MAY_NOT_LIST = Wording("may not list models", "It may not list models, so the first reply will verify it")
VERIFIED_BY_REPLIES = Wording("may not list models", "It may not list models; replies show that it works")
OF_HEALTH = {
    Health.UNVERIFIED: Wording(
        "not verified", "It is not checked with {name} yet", "Choose Verify; it uses no tokens."
    ),
    Health.VALID: Wording("", "{name} accepts it"),
    Health.REJECTED: OF_FAULT[Fault.REJECTED],
    Health.LIMITED: Wording(
        "requests turned away",
        "{name} knows {key}, but turns requests away",
        "Look at the rate limits and the budget of your {name} account.",
    ),
    Health.UNREACHABLE: OF_FAULT[Fault.UNREACHABLE],
    Health.UNREADABLE: Wording("could not be opened", "It cannot be opened any more", "Enter it again."),
}


# No region can be chosen when the operator has set an address other than the provider's own.
ONE_ADDRESS = OF_FAULT[Fault.WRONG_REGION]._replace(
    advice="The key may well be right, but this Bookbag reaches {name} at one address only. {operator} has to look at it."
)


def wording_of(row: ProviderKey, health: str = "") -> Wording:
    """The wording for `row` now. `health`: a newer health than the row's, if the caller has one."""
    now, stays = Health(health or row.health), stands(row)
    if now == Health.UNVERIFIED and row.last_error == Fault.LACKS_PERMISSION:
        wording = MAY_NOT_LIST
    elif now == Health.VALID and not stays:
        wording = OF_HEALTH[now] if row.may_list else VERIFIED_BY_REPLIES
    elif now in (Health.REJECTED, Health.UNREADABLE):
        wording = OF_HEALTH[now]
    else:
        wording = _of_fault(row.last_error, row.provider) or OF_HEALTH[now]
    return _named(wording, row.provider)


def problem(row: ProviderKey) -> str:
    """The last problem of `row` in a few words."""
    if row.last_error == Fault.LACKS_PERMISSION and row.health != Health.LIMITED:
        return MAY_NOT_LIST.problem
    if row.last_error in Health.values:
        return OF_HEALTH[Health(row.last_error)].problem
    known = _of_fault(row.last_error, row.provider)
    return known.problem if known else "not accepted"


def not_saved(provider: str) -> str:
    """What to say of an entered key that its provider rejects."""
    return f"{Provider(provider).label} rejects this key, so it was not saved."


def no_list(fault: Fault, provider: str) -> str:
    """Why the account's models cannot be listed, as a clause."""
    if fault is Fault.LACKS_PERMISSION:
        return "This key may not list models"
    wording = _of_fault(fault, provider) or OF_FAULT[Fault.UNREACHABLE]
    return _named(wording, provider, which="the stored key").said.partition(":")[0]


def _of_fault(fault: str, provider: str) -> Wording | None:
    if fault == Fault.WRONG_REGION and not listing.regions(provider):
        return ONE_ADDRESS
    return OF_FAULT.get(Fault(fault)) if fault in list(Fault) else None


def stands(row: ProviderKey) -> bool:
    """Whether the last problem is newer than the last success."""
    if row.last_error_at is None:
        return False
    return row.last_good_at is None or row.last_error_at > row.last_good_at


def sentence(wording: Wording) -> str:
    return f"{wording.said}. {wording.advice}".strip()


def _named(wording: Wording, provider: str, which: str = "it") -> Wording:
    return Wording(
        *(
            text.format(name=Provider(provider).label, key=which, operator=contact.operator())
            for text in wording
        )
    )
