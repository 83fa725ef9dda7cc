"""Each twin authenticates one request exactly as its SDK would with that secret."""

import anthropic
import openai
import pytest

from llm.gateway import TWINS
from llm.providers.twin import Twin
from llm.vault import Secret

SECRET = "sk-SOMEONESKEYaB3dE5fG7hJ9kL"


@pytest.mark.parametrize(
    ("twin", "client"),
    [
        (TWINS["openai"], openai.OpenAI(api_key=SECRET)),
        (TWINS["anthropic"], anthropic.Anthropic(api_key=SECRET)),
    ],
)
def test_the_header_is_the_sdks_own(twin: Twin, client: object) -> None:
    assert twin.auth_headers(Secret(SECRET)) == client.auth_headers  # type: ignore[attr-defined]
