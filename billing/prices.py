"""The price list of the credits page.

Prices belong to the catalogue, which is `llm`'s, and billing knows nothing of chat models. So the page
shows whatever the project hands it: the setting CREDIT_PRICE_LIST names a function that returns Prices.
"""

from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Price:
    """What one reply of the thing called `name` costs, in credits; 0 is free."""

    name: str
    credits: int
    note: str = ""


def price_list() -> list[Price]:
    return import_string(settings.CREDIT_PRICE_LIST)()
