"""Every provider that takes keys, with all that the product needs to know of it besides its wire format.

This is the one list: settings, choices, forms, pages, checks and costs are derived from it. How a provider is spoken
to is its twin, in a module of its own that loads its SDK; nothing here does. CONTRIBUTING.md says how to add one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyedProvider:
    """One provider. `name` is stored and begins its settings' names; `label` is shown.

    `key_prefix`: how all its keys begin; a new one, as its website makes them today, begins with `new_key_prefix`. Both
    are empty where its keys begin with anything: such a key is not noticed when it is pasted where none belongs.
    `permissions`: a sentence for admins on what a key must be allowed to do.
    `model_ids`: a regular expression that the beginnings of its own models' ids match, in lower case.
    `effort_parameter`, `thinking_parameter`: names in its requests; once refused for a model, no agent is offered them.
    """

    name: str
    label: str
    module: str  # that holds its TWIN
    base_url: str
    key_prefix: str
    new_key_prefix: str
    key_page: str  # where its customers make keys
    permissions: str
    model_ids: str
    regions: Mapping[str, str] = field(default_factory=dict)  # data-residency regions, to their base URLs
    effort_parameter: str = ""
    thinking_parameter: str = ""
    # Quarters of the input price that it takes for input which it stores in its prompt cache.
    cache_write_quarters: int = 4

    @property
    def base_url_setting(self) -> str:
        return f"{self.name.upper()}_BASE_URL"

    @property
    def api_key_setting(self) -> str:
        """What `quickstart` takes as a platform key."""
        return f"{self.name.upper()}_API_KEY"


OPENAI = KeyedProvider(
    name="openai",
    label="OpenAI",
    module="llm.providers.openai",
    base_url="https://api.openai.com/v1",
    key_prefix="sk-",
    new_key_prefix="sk-proj-",
    key_page="https://platform.openai.com/api-keys",
    permissions="Any project key will do. A restricted one needs the permission “Model capabilities: Request”; with "
    "“List models” as well, it can be checked at once and its models can be listed.",
    model_ids=r"(?:ft:)?(?:gpt|chatgpt|chat-latest|codex|o\d|text-|tts-|whisper|dall-e|davinci|babbage|sora|omni-)",
    regions={region: f"https://{region}.api.openai.com/v1" for region in ("us", "eu", "ae")},
    effort_parameter="reasoning_effort",
)
ANTHROPIC = KeyedProvider(
    name="anthropic",
    label="Anthropic",
    module="llm.providers.anthropic",
    base_url="https://api.anthropic.com",
    key_prefix="sk-ant-",
    new_key_prefix="sk-ant-api03-",
    key_page="https://console.anthropic.com/settings/keys",
    permissions="Any API key of a workspace will do.",
    model_ids="claude",
    effort_parameter="output_config",
    thinking_parameter="thinking",
    cache_write_quarters=5,
)

# In the order in which pages show them.
KEYED = (OPENAI, ANTHROPIC)


def named(name: str) -> KeyedProvider:
    """The provider that is stored as `name`. KeyError for Bookbag Local, which has none, and for anything else."""
    for one in KEYED:
        if one.name == name:
            return one
    raise KeyError(name)


def with_article(label: str) -> str:
    """A provider's label after its article, for "Add … key": "an OpenAI", "a Mistral"."""
    return f"{'an' if label[0] in 'AEIOU' else 'a'} {label}"


def labels(conjunction: str) -> str:
    """All providers in a sentence: "OpenAI and Anthropic"."""
    *most, last = (one.label for one in KEYED)
    return f"{', '.join(most)} {conjunction} {last}"
