"""Each twin authenticates one request exactly as its SDK would with that secret."""

import anthropic
import openai
import pytest

from llm.providers import anthropic as anthropic_twin
from llm.providers import openai as openai_twin
from llm.vault import Secret

SECRET = "sk-SOMEONESKEYaB3dE5fG7hJ9kL"


@pytest.mark.parametrize(
    ("twin", "client"),
    [
        (openai_twin, openai.OpenAI(api_key=SECRET)),
        (anthropic_twin, anthropic.Anthropic(api_key=SECRET)),
    ],
)
def test_the_header_is_the_sdks_own(twin: object, client: object) -> None:
    assert twin.auth_headers(Secret(SECRET)) == client.auth_headers  # type: ignore[attr-defined]
