"""Every provider that takes keys, with everything that the product needs to know about it except its wire format.

This is the one list: settings, choices, forms, pages, checks and costs are derived from it. A provider's wire format
is in its twin, a module of its own that loads the SDK; this module loads none. CONTRIBUTING.md says how to add a
provider.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyedProvider:
    """One provider. `name` is stored in rows and begins the names of its settings; `label` is shown.

    `key_prefix`: how all its keys begin. `new_key_prefix`: how keys begin that its website makes today. Both are
    empty if its keys have no common prefix; such a key is not noticed when it is pasted into a wrong field.
    `permissions`: a sentence for admins on what a key must be allowed to do. `model_ids`: a regular expression for
    how the ids of its own models begin, in lower case. `families`: how the names of its models begin, by the first
    part of their ids; an id of another beginning is its own name. `effort_parameter`, `thinking_parameter`: their
    names in its requests; once refused for a model, agents are no longer offered them.
    """

    name: str
    label: str
    module: str  # the module that defines its TWIN
    base_url: str
    key_prefix: str
    new_key_prefix: str
    key_page: str  # the page where its customers make keys
    permissions: str
    model_ids: str
    families: Mapping[str, str] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)  # data-residency regions, to their base URLs
    effort_parameter: str = ""
    thinking_parameter: str = ""
    # What it charges for input that it stores in its prompt cache, in quarters of the input price.
    cache_write_quarters: int = 4

    @property
    def base_url_setting(self) -> str:
        return f"{self.name.upper()}_BASE_URL"

    @property
    def api_key_setting(self) -> str:
        """The setting that `quickstart` takes a platform key from."""
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
    families={"gpt": "GPT-"},
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
    families={"claude": "Claude "},
    effort_parameter="output_config",
    thinking_parameter="thinking",
    cache_write_quarters=5,
)

# In the order in which pages list them.
KEYED: tuple[KeyedProvider, ...] = (OPENAI, ANTHROPIC)


def named(name: str) -> KeyedProvider:
    """The provider stored as `name`. Raises KeyError for `local`, which has no provider, and for any unknown name."""
    for one in KEYED:
        if one.name == name:
            return one
    raise KeyError(name)


def with_article(label: str) -> str:
    """A provider's label with its article, for "Add … key": "an OpenAI", "a Mistral"."""
    return f"{'an' if label[0] in 'AEIOU' else 'a'} {label}"


def labels(conjunction: str) -> str:
    """All providers in a sentence: "OpenAI and Anthropic"."""
    *most, last = (one.label for one in KEYED)
    return f"{', '.join(most)} {conjunction} {last}"
