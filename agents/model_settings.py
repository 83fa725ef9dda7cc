"""Which of an agent's settings a chat model takes, and the model's defaults, in the words of the agent's form.

Only llm/profiles.py decides what a request sends; this module asks it for each effort that can be chosen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from llm import profiles
from llm.models import ChatModel, Provider
from llm.outlook import Outlook
from llm.profiles import EFFORTS, OFF, Profile, Wish

LEAST_OUTPUT = 16
# The limit for models whose own is unknown: the largest that either provider has.
MOST_OUTPUT = 128_000
# The default temperature of both providers' APIs, by their references.
DEFAULT_TEMPERATURE = 1

TEMPERATURE_HELP = "0 keeps to the most likely words, 1 varies them."
EFFORT_WORDS = {effort: effort for effort in EFFORTS} | {OFF: "no thinking"}


@dataclass(frozen=True, slots=True)
class Offer:
    """What one chat model takes.

    Dictionaries are by effort; "" is the model's default. static/js/agent.js reads it as well.

    `temperature`: the efforts with which a temperature is sent. `output`: the default output limit in words, by
    effort. `most`: the highest output limit, 0 where none can be set. `kept` and `dropped`: the sentences for a
    setting that this model does not take, by setting and by effort.
    """

    efforts: dict[str, str] = field(default_factory=lambda: {"": "model's default"})
    temperature: list[str] = field(default_factory=list)
    output: dict[str, str] = field(default_factory=lambda: {"": ""})
    most: int = 0
    help: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)

    def applies(self, setting: str) -> bool:
        """Whether the form's `setting` applies to this model; True for fields that are not settings of a model."""
        shown = {
            "temperature": bool(self.temperature),
            "effort": len(self.efforts) > 1,
            "output_limit": bool(self.most),
        }
        return shown.get(setting, True)

    def sends_temperature(self, wish: Wish) -> bool:
        return wish.temperature is not None and wish.effort in self.temperature


NOTHING = Offer()


def offers(chat_models: Iterable[ChatModel], routes: Outlook) -> dict[int, Offer]:
    """What each chat model takes, by its pk, from the account that would run it."""
    return {one.pk: offer(one.name, one.provider, routes.profile(one)) for one in chat_models}


def offer(name: str, provider: str, profile: Profile) -> Offer:
    """What the chat model `name` of `provider` takes."""
    if provider == Provider.LOCAL:
        return Offer(kept=_kept(name, ""), dropped=_dropped(name, ()))
    settled = {
        effort: profiles.parameters(profile, Wish(temperature=1.0, effort=effort))
        for effort in ("", *profile.efforts)
    }
    temperature = [effort for effort, one in settled.items() if one.temperature is not None]
    only = " only without thinking" if temperature else ""
    sent = " It is sent only without thinking." if len(temperature) < len(settled) else ""
    most = profile.output_limit or MOST_OUTPUT
    return Offer(
        efforts={"": _default(_default_effort(profile, "" in temperature))}
        | {effort: EFFORT_WORDS[effort] for effort in profile.efforts},
        temperature=temperature,
        output={effort: _default(f"{one.max_output_tokens:,}") for effort, one in settled.items()},
        most=most,
        help={
            "temperature": TEMPERATURE_HELP + sent,
            "output_limit": f"In tokens, {LEAST_OUTPUT} to {most:,}. Thinking counts too.",
        },
        kept=_kept(name, only)
        | {"lowered": f"{name} writes at most {most:,} tokens: the output limit is lowered to that."},
        dropped=_dropped(name, profile.efforts),
    )


def _default(words: str) -> str:
    return f"model's default ({words})" if words else "model's default"


def _default_effort(profile: Profile, silence_is_off: bool) -> str:
    """The effort of an agent that sets none, in words; empty if only the provider knows."""
    if profile.default_effort or len(profile.efforts) == 1:
        return EFFORT_WORDS[profile.default_effort or profile.efforts[0]]
    return EFFORT_WORDS[OFF] if silence_is_off else ""


def _kept(name: str, only: str) -> dict[str, str]:
    return {
        "temperature": f"{name} takes {'a' if only else 'no'} temperature{only}: it is kept, and not sent.",
        "output_limit": f"{name} takes no output limit: it is kept, and not sent.",
    }


def _dropped(name: str, efforts: tuple[str, ...]) -> dict[str, str]:
    told = (
        "{} does not offer the effort “{}”: its default is used."
        if efforts
        else "{} takes no effort: “{}” is dropped."
    )
    return {effort: told.format(name, EFFORT_WORDS[effort]) for effort in EFFORTS if effort not in efforts}
