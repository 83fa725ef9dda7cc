"""What a reply costs and who pays it, in a few words: the one wording of badges, pages and receipts."""

from llm.models import Provider
from llm.routing import Billing
from workspaces.figures import credits


def of(billing: str, *, price: int, provider: str) -> str:
    """`billing` is a routing.Billing or its value, `price` is in credits, `provider` says whose key it is."""
    match billing:
        case Billing.LOCAL:
            return "local, free"
        case Billing.BYO:
            return f"your {Provider(provider).label} key"
        case Billing.UNMETERED:
            return "not metered"
    return credits(price)
