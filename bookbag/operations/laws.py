"""The ledger's laws, those of the ledger alone and those between it and the replies it charges for."""

from agents import laws as reply_laws
from billing import laws as ledger_laws


def broken_laws() -> list[str]:
    """What does not hold in the database right now, a sentence each."""
    return [*ledger_laws.broken_laws(), *reply_laws.broken_laws()]
