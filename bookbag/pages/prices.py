"""The price list of the credits page: what the catalogue's chat models cost in the ledger's credits."""

from dataclasses import dataclass

from llm.models import ChatModel, Provider


@dataclass(frozen=True)
class Price:
    """What one reply of the thing called `name` costs, in credits; 0 is free."""

    name: str
    credits: int
    note: str = ""


def price_list() -> list[Price]:
    """The chat models on offer. Bookbag Local has a listed price that is never charged."""
    on_offer = ChatModel.objects.filter(workspace=None, enabled=True, retired_at=None)
    return [
        Price(
            name=chat_model.name,
            credits=0 if chat_model.provider == Provider.LOCAL else chat_model.price,
            note=chat_model.note,
        )
        for chat_model in on_offer
    ]
