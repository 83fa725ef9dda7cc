"""The double is believable: both official SDKs take its replies, usage, models and errors for real ones."""

import secrets
import time
from typing import Any

import anthropic
import openai
import pytest

from .asking import headers_for, send
from .client import Double, DoubleError
from .sdk import QUESTION, SECRETS, Sdk

FINISH = {"openai": "stop", "anthropic": "end_turn"}
CUT = {"openai": "length", "anthropic": "max_tokens"}
MODEL = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-6"}


def usual(sdk: Sdk) -> str:
    return f"You asked: {QUESTION}. This is the provider double answering as {MODEL[sdk.name]}."


# Replies


def test_reply_says_what_was_asked(sdk: Sdk) -> None:
    heard = sdk.ask()
    assert (heard.text, heard.finish, heard.tokens) == (usual(sdk), FINISH[sdk.name], 17)


def test_stream_says_the_same_word_by_word(sdk: Sdk) -> None:
    heard = sdk.stream()
    assert (heard.text, heard.finish, heard.tokens) == (usual(sdk), FINISH[sdk.name], 17)
    assert len(heard.texts) == 17


def test_reply_and_stream_stop_at_max_tokens(sdk: Sdk) -> None:
    for heard in (sdk.ask(max_tokens=2), sdk.stream(max_tokens=2)):
        assert (heard.text, heard.finish, heard.tokens) == ("You asked: ", CUT[sdk.name], 2)


def test_question_in_parts_is_read(sdk: Sdk) -> None:
    parts = [{"type": "text", "text": "Is it "}, {"type": "text", "text": "free?"}]
    heard = sdk.ask(messages=[{"role": "user", "content": parts}])
    assert heard.text.startswith("You asked: Is it free? This is")


def test_each_provider_is_also_reached_under_its_name(double: Double) -> None:
    mixed = headers_for("anthropic", "of-no-sort-0000000000000a1B2")
    listed = [
        send(double, "GET", f"/{name}/v1/models", mixed).json["data"][0] for name in ("openai", "anthropic")
    ]
    assert ["owned_by" in row for row in listed] == [True, False]
    client = openai.OpenAI(api_key=SECRETS["openai"], base_url=f"{double.url}/openai/v1", max_retries=0)
    with client:
        reply = client.chat.completions.create(model="fake-t2", messages=[{"role": "user", "content": "hi"}])
    assert reply.choices[0].message.content == "t0 t1 "
    assert [call["path"] for call in double.calls()] == ["/v1/models", "/v1/models", "/v1/chat/completions"]


def test_usage_counts_prompt_and_reply(openai_client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "system", "content": "a" * 40}, {"role": "user", "content": "b" * 40}]
    usage = openai_client.chat.completions.create(model="fake-t7", messages=messages).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (20, 7, 27)


def test_openai_stream_has_usage_only_when_asked(openai_client: openai.OpenAI) -> None:
    stream = openai_client.chat.completions.create(
        model="fake-t3", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    chunks = list(stream)
    assert [chunk.usage for chunk in chunks] == [None] * 5
    assert [len(chunk.choices) for chunk in chunks] == [1] * 5


def test_anthropic_stream_has_the_providers_events_in_order(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.with_streaming_response.create(
        model="fake-t2", max_tokens=10, messages=[{"role": "user", "content": "hi"}], stream=True
    ) as response:
        events = [
            line.removeprefix("event: ") for line in response.iter_lines() if line.startswith("event: ")
        ]
    assert events == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


def test_anthropic_helper_builds_the_message(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="fake-t3", max_tokens=10, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        message = stream.get_final_message()
    (block,) = message.content
    assert block.type == "text"
    assert (block.text, message.stop_reason) == ("t0 t1 t2 ", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (1, 3)


# Models


def test_models_are_listed_in_each_dialect(sdk: Sdk) -> None:
    assert MODEL[sdk.name] in sdk.models()


def test_anthropic_models_come_in_pages(anthropic_client: anthropic.Anthropic) -> None:
    everything = [model.id for model in anthropic_client.models.list(limit=1000)]
    page = anthropic_client.models.list(limit=len(everything) - 2)
    following = page.get_next_page()
    assert (len(page.data), page.has_more, page.last_id) == (len(everything) - 2, True, page.data[-1].id)
    assert ([model.id for model in following.data], following.has_more) == (everything[-2:], False)


def test_one_model_is_described_and_an_unknown_one_is_not(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    assert openai_client.models.retrieve("gpt-4o").owned_by == "system"
    assert anthropic_client.models.retrieve("claude-sonnet-4-6").lifecycle == "active"
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("gpt-9")


# Secrets


@pytest.mark.parametrize("word", ["bad", "badkey", "bad000"])
def test_a_bad_secret_is_rejected_everywhere(sdk: Sdk, word: str) -> None:
    other = sdk.using(f"sk-{word}-0000000000000000a1B2")
    for act in (other.ask, other.stream, other.models):
        with pytest.raises(sdk.errors.AuthenticationError):
            act()


def test_a_random_secret_that_holds_the_letters_is_accepted(sdk: Sdk) -> None:
    assert sdk.using(f"sk-bad{secrets.token_hex(20)}bad").ask().text == usual(sdk)


def test_a_forbidden_secret_gets_403(sdk: Sdk) -> None:
    with pytest.raises(sdk.errors.PermissionDeniedError):
        sdk.using("sk-forbid-000000000000a1B2").ask()


def test_a_secret_without_quota_gets_429(sdk: Sdk) -> None:
    with pytest.raises(sdk.errors.RateLimitError) as caught:
        sdk.using("sk-quota-0000000000000a1B2").ask()
    if sdk.name == "openai":
        assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")


def test_a_revoked_secret_is_rejected_until_the_list_is_cleared(double: Double, sdk: Sdk) -> None:
    double.revoke(SECRETS[sdk.name])
    with pytest.raises(sdk.errors.AuthenticationError):
        sdk.ask()
    double.clear()
    assert sdk.ask().text == usual(sdk)


def test_openai_echoes_a_part_of_a_wrong_secret(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        openai_client.with_options(api_key="sk-proj-bad-000000000000a1B2").models.list()
    assert "sk-proj-****************a1B2" in str(caught.value)
    assert caught.value.code == "invalid_api_key"


def test_a_call_without_a_secret_gets_401(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError, match="You didn't provide an API key"):
        openai_client.models.list(extra_headers={"Authorization": openai.Omit()})


# Requests that a provider would refuse


def test_an_incomplete_request_is_refused_in_the_providers_words(
    openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic
) -> None:
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'messages'"):
        openai_client.chat.completions.create(model="gpt-4o", messages=[])
    with pytest.raises(anthropic.BadRequestError, match="at least one message is required"):
        anthropic_client.messages.create(model="claude-sonnet-4-6", max_tokens=5, messages=[])


def test_an_unknown_path_is_an_error_in_the_providers_shape(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST /v1/embeddings\)"):
        openai_client.embeddings.create(model="text-embedding-3-small", input="hi")


# Behaviour by model name


def test_fake_model_keeps_its_pace(sdk: Sdk) -> None:
    start = time.monotonic()
    arrivals = [time.monotonic() - start for _ in sdk.hear(model="fake-t5-d40-f100")]
    assert sdk.heard.text == "t0 t1 t2 t3 t4 "
    assert all(0.1 + 0.04 * number - 0.005 < arrival for number, arrival in enumerate(arrivals))
    assert arrivals[-1] < 5


def test_fake_model_stamps_tokens_with_their_send_time(sdk: Sdk) -> None:
    before = time.monotonic_ns() // 1000
    stamps = [int(text) for text in sdk.hear(model="fake-t4-d20-m")]
    assert len(stamps) == 4
    assert all(stamp > before + number * 20_000 - 2_000 for number, stamp in enumerate(stamps))
    assert stamps == sorted(stamps)
    assert stamps[-1] < time.monotonic_ns() // 1000


@pytest.mark.parametrize(("status", "name"), [(429, "RateLimitError"), (503, "InternalServerError")])
def test_fake_model_fails_with_the_status_in_its_name(sdk: Sdk, status: int, name: str) -> None:
    with pytest.raises(getattr(sdk.errors, name)) as caught:
        sdk.stream(model=f"fake-t5-e{status}")
    assert caught.value.status_code == status


@pytest.mark.parametrize("flag", ["x2", "z2", "h2"])
def test_fake_model_goes_wrong_after_some_tokens(sdk: Sdk, flag: str) -> None:
    with pytest.raises(Exception, match=r"onnection|closed|timed out|error"):
        sdk.stream(model=f"fake-t9-{flag}", timeout=0.5)
    assert sdk.heard.text == "t0 t1 "


def test_a_model_that_is_not_there_gets_404(sdk: Sdk) -> None:
    for name in ("no-such-model", "fake-t5-q9"):
        with pytest.raises(sdk.errors.NotFoundError):
            sdk.ask(model=name)


# Scripts


def test_a_script_answers_the_next_call_and_no_other(double: Double, sdk: Sdk) -> None:
    double.script("text", text="Once.")
    assert [sdk.ask().text, sdk.ask().text] == ["Once.", usual(sdk)]


def test_scripts_for_a_number_of_calls_come_before_standing_ones(double: Double, sdk: Sdk) -> None:
    double.script("text", times=None, text="Always.")
    double.script("text", times=2, text="Twice.")
    assert [sdk.ask().text for _ in range(4)] == ["Twice.", "Twice.", "Always.", "Always."]


@pytest.mark.parametrize(
    "match", [{"secret": "sk-other"}, {"model": "gpt-9"}, {"provider": "else"}, {"path": "/v1/models"}]
)
def test_a_script_leaves_alone_what_does_not_match(double: Double, sdk: Sdk, match: dict[str, str]) -> None:
    double.script("500", match=match)
    assert sdk.ask().text == usual(sdk)


def test_a_script_can_be_meant_for_the_model_list(double: Double, sdk: Sdk) -> None:
    double.script("models", match={"path": "/v1/models"}, ids=["ours-1", "ours-2"])
    assert sdk.ask().text == usual(sdk)
    assert sdk.models() == ["ours-1", "ours-2"]


def test_a_script_with_a_name_that_nobody_knows_is_refused_in_words(double: Double) -> None:
    with pytest.raises(
        DoubleError, match=r"a script has no gap_ms, text; it has: mode, params, times, match\..*params: text"
    ):
        double.ask("POST", "script", {"mode": "text", "text": "hello", "gap_ms": 5})
    with pytest.raises(DoubleError, match="params and match must be objects"):
        double.ask("POST", "script", {"mode": "text", "params": ["hello"]})

    assert double.ask("GET", "script") == {"queued": []}


def test_a_script_that_makes_no_sense_is_refused_in_words(double: Double) -> None:
    with pytest.raises(DoubleError, match="mode must be one of: 401, 403"):
        double.script("nonsense")
    with pytest.raises(DoubleError, match="trickle has no parameter 'second'; it has: text"):
        double.script("trickle", second=1)
    with pytest.raises(DoubleError, match="after must be a number"):
        double.script("reset_mid_stream", after="three")


def test_delays_hold_for_any_reply(double: Double, sdk: Sdk) -> None:
    double.script("chunks", times=2, chunks=["a", "b", "c"], first_ms=60, gap_ms=30)
    for act in (sdk.ask, sdk.stream):
        start = time.monotonic()
        assert act().text == "abc"
        assert 0.11 < time.monotonic() - start < 5


FACTS = """[1] Handbook — Opening hours
| day | hours |

We open at nine. On Sundays we rest. Ring the bell.

Come in.

[2] Other
Nothing of that.

Question: When?"""


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (FACTS, "We open at nine. On Sundays we rest. [1]\n\nThis is the provider double answering as "),
        ("(no facts were found for this question)\n\nQuestion: When?", "You asked: When? This is"),
        ("[1] Only a title\n\nQuestion: When?", "You asked: When? This is"),
        ("Not of Bookbag.\n\nQuestion: When?", "You asked: Not of Bookbag. Question: When? This is"),
    ],
)
def test_facts_that_come_with_a_question_are_answered_from(sdk: Sdk, asked: str, begins: str) -> None:
    assert sdk.ask(messages=[{"role": "user", "content": asked}]).text.startswith(begins)
