"""The free allotment: each person gets it once, for one workspace, to which it then belongs.

Anybody can sign up and make workspaces at will, so free credits are tied to a confirmed e-mail address instead:
`FreeAllotment` has one row for each person and each mailbox, which the database keeps unique.
"""

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, TextChoices

from billing.models import Account, FreeAllotment
from workspaces import people
from workspaces.models import User


class Standing(TextChoices):
    """Whether an account gets the free allotment of its plan, and if not, why."""

    GIVEN = "given", "Free credits are given each month"
    DUE = "due", "Free credits follow with the next refresh"
    UNCONFIRMED = "unconfirmed", "Whoever made the workspace has not confirmed an e-mail address"
    ELSEWHERE = "elsewhere", "It went to another workspace of the same person"

    @property
    def is_withheld(self) -> bool:
        return self in (Standing.UNCONFIRMED, Standing.ELSEWHERE)


@dataclass(frozen=True)
class Note:
    """Why there are no free credits, worded for its reader, and whether confirming an address would bring them."""

    text: str
    may_confirm: bool


# For each standing: the text for the maker of the workspace, and the text for everybody else in it.
WORDS = {
    Standing.UNCONFIRMED: (
        "Confirm your e-mail address, and this workspace gets {credits:,} free credits a month. "
        "Until then it gets none, because free credits are given to people we can write to.",
        "This workspace has no free credits, because whoever made it has not confirmed their e-mail address yet. "
        "Once they have, it gets {credits:,} a month.",
    ),
    Standing.ELSEWHERE: (
        "Free credits are given once to a person, to one workspace. Yours have gone to another one, so this one gets "
        "none. Its agents run on Bookbag Local and on your own provider keys; for credits, ask for another plan.",
        "Free credits are given once to a person, to one workspace, and whoever made this one has had them for "
        "another. Its agents run on Bookbag Local and on your own provider keys; for credits, ask for another plan.",
    ),
}


def claim(account: Account) -> bool:
    """Give this account the free allotment of its workspace's maker, unless another has it.

    Returns whether it has it now.
    """
    found = standing(account)
    if found != Standing.DUE:
        return found == Standing.GIVEN
    try:
        with transaction.atomic():
            FreeAllotment.objects.create(account=account, **(_claimant(account) or {}))
    except IntegrityError:  # another account took it between our query and our insert
        return False
    return True


def standing(account: Account) -> Standing | None:
    """The account's standing; None for a plan whose allotment is not given once per person."""
    if not (account.plan.once_per_person and account.plan.monthly_credits):
        return None
    if hasattr(account, "free_allotment"):
        return Standing.GIVEN
    claimant = _claimant(account)
    if claimant is None:
        return Standing.UNCONFIRMED
    used = FreeAllotment.objects.filter(Q(person=claimant["person"]) | Q(mailbox=claimant["mailbox"]))
    return Standing.ELSEWHERE if used.exists() else Standing.DUE


def note(account: Account, *, reader: User) -> Note | None:
    """What to tell `reader` about an allotment that is withheld; None when there is nothing to tell."""
    found = standing(account)
    if found is None or not found.is_withheld:
        return None
    is_maker = account.workspace.created_by_id == reader.pk
    to_maker, to_others = WORDS[found]
    text = (to_maker if is_maker else to_others).format(credits=account.plan.monthly_credits)
    return Note(text, may_confirm=is_maker and found == Standing.UNCONFIRMED)


def _claimant(account: Account) -> dict[str, Any] | None:
    """The person whose allotment it would be, and their mailbox; None unless they have confirmed an address."""
    person = account.workspace.created_by
    address = people.confirmed_address(person) if person and person.is_active else None
    return {"person": person, "mailbox": people.mailbox_digest(address)} if address else None
