"""Prospects: what would become of a reply on a chat model, as all pages word it: badge, payer, or why it would not run.

Only `of` makes one, from a route, so that lists, pickers, the playground and the settings cannot differ. Decided
from facts alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from llm import price_words
from llm.models import ChatModel, Provider
from llm.providers.roster import with_article
from llm.routing import Billing, Credential, Refusal, RefusalCode, Route


class Rejected(StrEnum):
    """The code of a route whose key the provider is known to reject. A reply on it is tried all the same."""

    OWN_KEY = "key_rejected"
    PLATFORM_KEY = "platform_key_rejected"


# By code: the badge of a reply that would not run, and what an admin can do about it.
NOT_RUNNING = {
    RefusalCode.BYO_KEY_MISSING: ("no {name} key: cannot run", "Add {a_name} key, or change the model."),
    RefusalCode.BYO_KEY_UNREADABLE: ("{name} key unreadable: cannot run", "Enter the {name} key again."),
    RefusalCode.PLATFORM_KEY_MISSING: (
        "Bookbag has no {name} key: cannot run",
        "Use your own {name} key, or change the model.",
    ),
    RefusalCode.PLATFORM_KEY_UNREADABLE: (
        "Bookbag's {name} key unreadable: cannot run",
        "Use your own {name} key, or change the model.",
    ),
    RefusalCode.MODEL_SHUT_DOWN: ("shut down by {name}: cannot run", "Change the model."),
    RefusalCode.MODEL_REQUIRES_BYO: (
        "needs your own {name} key: cannot run",
        "Custom models run on your own key only.",
    ),
    RefusalCode.MODEL_UNAVAILABLE: ("withdrawn: cannot run", "Change the model."),
    Rejected.OWN_KEY: ("{name} key rejected: will fail", "Replace the {name} key."),
    Rejected.PLATFORM_KEY: (
        "Bookbag's {name} key rejected: will fail",
        "Use your own {name} key, or change the model.",
    ),
}
# Codes that rest on a key's stored health. The key may work again by now, which a reply or a check would show.
UNSURE = {*Rejected, RefusalCode.BYO_KEY_UNREADABLE, RefusalCode.PLATFORM_KEY_UNREADABLE}


@dataclass(frozen=True, slots=True)
class Prospect:
    """`words`: the badge's text. `kind`: its colour. `price`: in credits. `code`: why a reply would not run, else empty.

    `way_out`: what an admin can do about that. `stop_price`: what stopping a running reply costs.
    """

    kind: str
    words: str
    price: int = 0
    payer: str = ""
    code: str = ""
    way_out: str = ""
    stop_price: str = ""

    @property
    def runs(self) -> bool:
        return not self.code

    @property
    def may_try(self) -> bool:
        """Whether it would not run only by its key's stored health, so that a reply may succeed after all."""
        return self.code in UNSURE

    @property
    def in_full(self) -> str:
        """The badge with its payer, for lists of choices without colours: "1 credit, from your credits"."""
        return f"{self.words}, from your credits" if self.kind == Billing.CREDITS else self.words


def of(route: Route | Refusal, chat_model: ChatModel, *, is_rejected: bool = False) -> Prospect:
    """The prospect of a reply on `chat_model` that takes `route`.

    `is_rejected`: the provider rejected the key of that route at its last use.
    """
    provider = chat_model.provider
    if isinstance(route, Refusal):
        return _not_running(route.code, provider)
    if is_rejected:
        own = route.credential is Credential.WORKSPACE
        return _not_running(Rejected.OWN_KEY if own else Rejected.PLATFORM_KEY, provider)
    return Prospect(
        kind=route.billing.value,
        words=price_words.badge(route.billing, price=route.price, provider=provider),
        price=route.price,
        payer=price_words.payer(route.billing, provider=provider),
        stop_price=price_words.stop_price(route.billing, price=route.price, provider=provider),
    )


def label(chat_model: ChatModel, prospect: Prospect, last_day: str = "") -> str:
    """A chat model in a list of choices: "GPT-6 Luna · your OpenAI key", with its last day where one is known."""
    return " · ".join(filter(None, [chat_model.name, prospect.in_full, last_day]))


def _not_running(code: RefusalCode | Rejected, provider: str) -> Prospect:
    name = Provider(provider).label
    words, way_out = (text.format(name=name, a_name=with_article(name)) for text in NOT_RUNNING[code])
    return Prospect("danger", words, code=code.value, way_out=way_out)
