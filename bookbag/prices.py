"""What a reply costs, for the credits page: the catalogue's prices in the ledger's words.

`billing` and `llm` may not import each other, so they meet here (setting CREDIT_PRICE_LIST).
"""

from billing.prices import Price
from llm.models import ChatModel, Provider


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
