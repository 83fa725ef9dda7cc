"""The price list of the credits page: what the catalogue's chat models cost in the ledger's credits."""

from dataclasses import dataclass, replace

from llm.models import ChatModel, Provider
from llm.outlook import Outlook


@dataclass(frozen=True)
class Price:
    """The price of one reply of the chat model called `name`, in credits; 0 is free."""

    name: str
    credits: int
    note: str = ""
    last_day: str = ""


def price_list(routes: Outlook) -> list[Price]:
    """The offered chat models, with their prices on Bookbag's keys. Bookbag Local's listed price is never charged."""
    on_credits = replace(routes, byo_enabled=False)
    on_offer = ChatModel.objects.filter(workspace=None, enabled=True, retired_at=None)
    return [
        Price(
            name=chat_model.name,
            credits=0 if chat_model.provider == Provider.LOCAL else chat_model.price,
            note=chat_model.note,
            last_day=on_credits.last_day(chat_model),
        )
        for chat_model in on_offer
        if not on_credits.is_gone(chat_model)
    ]
