"""Who pays for a workspace's replies now, by provider, in words for the overview and the settings page."""

from dataclasses import dataclass

from llm.models import ChatModel
from llm.outlook import Outlook
from llm.prospects import Prospect
from llm.providers import roster
from llm.routing import Billing

FREE = "Bookbag Local is free."
RUNNING = {
    Billing.BYO: "{names} replies run on this workspace's own keys and cost no credits.",
    Billing.CREDITS: "{names} replies run on Bookbag's keys, and each costs its chat model's price in credits.",
    Billing.UNMETERED: "{names} replies run on Bookbag's keys, and this installation charges no credits.",
}
TITLES = {
    Billing.BYO: ("Your provider bills you", "your provider accounts"),
    Billing.CREDITS: ("Your credits pay", "your credits"),
    Billing.UNMETERED: ("Nothing is metered here", "this installation"),
}


@dataclass(frozen=True, slots=True)
class Payers:
    """`kind`: a billing, or "mixed" when a provider does not run. `title` is shown alone, `whom` after "Who pays now"."""

    kind: str
    title: str
    whom: str
    sentence: str


def of(outlook: Outlook) -> Payers:
    """Who now pays for a reply on a catalogue model of each provider."""
    prospects = {one.label: outlook.prospect(_any_model(one.name)) for one in roster.KEYED}
    running = [name for name, prospect in prospects.items() if prospect.runs]
    broken = [_broken(name, prospect) for name, prospect in prospects.items() if not prospect.runs]
    if not running:
        title = "Only Bookbag Local replies now"
        return Payers("mixed", title, "nobody, as only Bookbag Local replies", " ".join([*broken, FREE]))
    billing = Billing(prospects[running[0]].kind)
    sentence = RUNNING[billing].format(names=" and ".join(running))
    title, whom = TITLES[billing]
    return Payers("mixed" if broken else billing.value, title, whom, " ".join([sentence, *broken, FREE]))


def _any_model(provider: str) -> ChatModel:
    """A made-up catalogue model of a provider, for asking about its route."""
    return ChatModel(provider=provider, price=1)


def _broken(name: str, prospect: Prospect) -> str:
    cause, _, effect = prospect.words.partition(": ")
    return f"{name} replies {effect}: {cause}."
