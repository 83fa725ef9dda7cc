"""What a reply costs and who pays it, in a few words; used by all badges, pages and receipts.

`billing` is a routing.Billing or its value, `price` is in credits, `provider` says whose key it is.
"""

from llm.models import Provider
from llm.routing import Billing
from workspaces.figures import credits


def badge(billing: str, *, price: int, provider: str) -> str:
    """The badge: "5 credits", "your OpenAI key", "local, free"."""
    match billing:
        case Billing.LOCAL:
            return "local, free"
        case Billing.BYO:
            return f"your {Provider(provider).label} key"
        case Billing.UNMETERED:
            return "not metered"
    return credits(price)


def payer(billing: str, *, provider: str) -> str:
    """Who pays, for a table column of that name."""
    match billing:
        case Billing.LOCAL:
            return "nobody: it is free"
        case Billing.BYO:
            return f"your {Provider(provider).label} account"
        case Billing.UNMETERED:
            return "this installation"
    return "your credits"


def stop_price(billing: str, *, price: int, provider: str) -> str:
    """What it costs to stop a running reply, shown before Stop is pressed: "1 credit once text has appeared"."""
    match billing:
        case Billing.LOCAL:
            return "free"
        case Billing.BYO:
            return f"{Provider(provider).label} bills what it has written"
        case Billing.UNMETERED:
            return "not metered"
    return f"{credits(price)} once text has appeared"
