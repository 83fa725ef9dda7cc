"""The ledger's errors. They carry figures, not sentences; views word them.

BillingError
├── CreditsExhausted    needed, available
├── AmountRefused       amount: not a whole number above zero, or above what may be moved
├── ExternalIdTaken     external_id: it was used before, with other content
├── NotReversible       transfer_id: a reversal itself, reversed already, or nothing left of it
├── LimitReached        what, limit, over
└── PlanChangedMeanwhile    plan: the name of the account's current plan
"""


class BillingError(Exception):
    """The base of all that billing raises on purpose."""


class CreditsExhausted(BillingError):
    """`needed` credits were asked for and `available` were there; None when that was not read."""

    def __init__(self, *, needed: int, available: int | None = None) -> None:
        super().__init__(f"needed {needed}, available {'unknown' if available is None else available}")
        self.needed = needed
        self.available = available


class AmountRefused(BillingError):
    def __init__(self, amount: object, *, at_most: int | None = None) -> None:
        super().__init__(
            f"{amount!r} is no whole number from 1" + (f" to {at_most}" if at_most is not None else "")
        )
        self.amount = amount
        self.at_most = at_most


class ExternalIdTaken(BillingError):
    def __init__(self, external_id: str) -> None:
        super().__init__(f"{external_id} names another transfer")
        self.external_id = external_id


class NotReversible(BillingError):
    def __init__(self, transfer_id: int, *, reversed_already: bool = False) -> None:
        super().__init__(
            f"transfer {transfer_id} cannot be reversed" + (" again" if reversed_already else "")
        )
        self.transfer_id = transfer_id
        self.reversed_already = reversed_already


class LimitReached(BillingError):
    """The plan allows `limit` of `what` (agents, seats, sources), and the act would exceed that by `over`."""

    def __init__(self, *, what: str, limit: int, over: int = 1) -> None:
        super().__init__(f"the plan allows {limit} {what}")
        self.what = what
        self.limit = limit
        self.over = over


class PlanChangedMeanwhile(BillingError):
    """The account is on another plan than the one that was to be changed."""

    def __init__(self, *, plan: str) -> None:
        super().__init__(f"the account is on {plan} by now")
        self.plan = plan
