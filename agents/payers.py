"""Who paid for a reply, in words for badges and receipts; nobody, if nothing was charged. For display only."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from agents.models import Reply
from billing import ledger
from llm import price_words
from llm.routing import STORED, Billing, Why
from workspaces.figures import credits, grouped


@dataclass(frozen=True, slots=True)
class Badge:
    """`kind` is its colour."""

    kind: str
    words: str


def is_stored_answer(reply: Reply) -> bool:
    return reply.why in STORED


def article(reply: Reply, *, capital: bool = True) -> str:
    """ "A stored answer", or "The closest stored answer" if the question was worded differently."""
    phrase = "the closest stored answer" if reply.why == Why.QA_CLOSEST else "a stored answer"
    return phrase[0].upper() + phrase[1:] if capital else phrase


def is_billed(reply: Reply) -> bool:
    """Whether the workspace's provider bills it: there was an answer, a count of tokens, or the beginning of a text."""
    answered = reply.state in (Reply.State.COMPLETED, Reply.State.CUT)
    began = reply.output_tokens is not None or reply.first_text_at is not None
    return reply.billing == Billing.BYO and (answered or began)


def given_back(replies: Iterable[Reply]) -> dict[UUID, int]:
    """The credits of each reply's charge that were given back, for `badge` and `payer`. One query at most.

    The replies must be of one workspace.
    """
    charged = [reply for reply in replies if reply.charged]
    return ledger.given_back(charged[0].workspace_id, [reply.pk for reply in charged]) if charged else {}


def paid_by(billing: str, workspace_id: int) -> Q:
    """The replies of a workspace that this payer paid for or will pay for, in the sense of `payer`."""
    of_kind = Q(billing=billing)
    if billing == Billing.CREDITS:
        charged = Q(charged__gt=0) & ~Q(pk__in=ledger.given_back_whole(workspace_id))
        return of_kind & (charged | Q(state__in=Reply.RUNNING))
    if billing == Billing.BYO:
        began = Q(output_tokens__isnull=False) | Q(first_text_at__isnull=False)
        answered = Q(state__in=[Reply.State.COMPLETED, Reply.State.CUT])
        return of_kind & (Q(state__in=Reply.RUNNING) | answered | (began & ~Q(state=Reply.State.FAILED)))
    return of_kind


def is_own_bill(reply: Reply) -> bool:
    """Whether the workspace's own account paid for an answer.

    A failed reply may be billed by the provider, too; pages say that separately.
    """
    return is_billed(reply) and reply.state != Reply.State.FAILED


def badge(reply: Reply, *, given_back: int = 0) -> Badge:
    """What it cost and who paid, in a few words; the payer is that of `payer`."""
    if is_stored_answer(reply):
        closest = "closest " if reply.why == Why.QA_CLOSEST else ""
        return Badge("local", f"{closest}stored answer, free")
    if reply.is_running:
        held = f"{credits(reply.price)} held" if reply.billing == Billing.CREDITS else ""
        return Badge(reply.billing, held or _price(reply))
    if (reply.billing == Billing.CREDITS and not reply.charged) or (
        reply.billing == Billing.BYO and not is_own_bill(reply)
    ):
        return Badge("neutral", "not charged")
    if given_back:
        is_whole = given_back == reply.charged
        back = "given back" if is_whole else f"{grouped(given_back)} given back"
        return Badge("neutral" if is_whole else reply.billing, f"{_price(reply)}, {back}")
    return Badge(reply.billing, _price(reply))


def _price(reply: Reply) -> str:
    return price_words.badge(reply.billing, price=reply.charged, provider=reply.provider)


def payer(reply: Reply, *, given_back: int = 0) -> Badge:
    """Who paid for it or will; nobody if nothing was charged, or all of it was given back."""
    if is_stored_answer(reply):
        return Badge("local", f"Nobody: {article(reply, capital=False)}, free")
    if reply.billing == Billing.LOCAL:
        return Badge("local", "Nobody: free")
    if reply.billing == Billing.UNMETERED:
        return Badge("unmetered", "Nobody: replies are not metered here")
    if reply.is_running:
        return badge(reply)
    if reply.billing == Billing.BYO and not is_own_bill(reply):
        may = "; the provider may bill what it wrote" if is_billed(reply) else ""
        return Badge("neutral", f"Nobody here{may}")
    if reply.billing == Billing.CREDITS and not reply.charged:
        return Badge("neutral", "Nobody: not charged")
    if given_back and given_back == reply.charged:
        return Badge("neutral", "Nobody: given back")
    return Badge(reply.billing, reply.get_billing_display())
