"""The model lists: dates and capabilities as the SDKs have them, on whatever day the double stands in."""

import json
from datetime import UTC, datetime
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types.model_capabilities import ModelCapabilities
from anthropic.types.model_info import ModelInfo
from openai.types import Model

from tests.harness.written import WRITTEN_ON

from .asking import models, send
from .client import Double


def openai_rows(double: Double) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in models(double, "openai").json["data"]}


def anthropic_rows(double: Double, query: str = "?limit=1000") -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in models(double, "anthropic", query).json["data"]}


# OpenAI


def test_openai_rows_have_the_fields_of_the_sdk(double: Double) -> None:
    for row in openai_rows(double).values():
        assert set(row) == set(Model.model_fields)
        assert row["object"] == "model"
    assert openai_rows(double)["gpt-4o-2024-08-06"]["created"] == 1_722_902_400


@pytest.mark.parametrize(
    ("model", "date"),
    [
        ("gpt-4o", "2027-01-14"),
        ("gpt-4o-mini", "2027-01-14"),
        ("gpt-5-mini", "2026-12-11"),
        ("o3", "2026-12-11"),
        ("gpt-5.1", "2027-04-01"),
        ("whisper-1", "2027-02-26"),
        ("gpt-6-luna", None),
        ("gpt-6.1-terra", None),
        ("text-embedding-3-small", None),
    ],
)
def test_openai_tells_when_a_model_shuts_down(
    double: Double, openai_client: openai.OpenAI, model: str, date: str | None
) -> None:
    assert openai_rows(double)[model]["shutdown_date"] == date
    assert openai_client.models.retrieve(model).shutdown_date == date


def test_openai_lists_what_cannot_chat_and_leaves_out_what_is_gone(double: Double) -> None:
    listed = openai_rows(double)
    assert {"text-embedding-3-large", "tts-1", "gpt-image-2", "omni-moderation-latest", "o3-pro"} <= set(
        listed
    )
    assert not {"gpt-3.5-turbo", "o4-mini", "dall-e-3"} & set(listed)
    double.today("2027-01-14")
    assert set(listed) - set(openai_rows(double)) == {
        name for name, row in listed.items() if row["shutdown_date"] and row["shutdown_date"] <= "2027-01-14"
    }


def test_a_model_that_is_gone_is_not_described(double: Double, openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        openai_client.models.retrieve("gpt-3.5-turbo")


# Anthropic


def test_anthropic_rows_have_the_fields_of_the_sdk(anthropic_client: anthropic.Anthropic) -> None:
    for info in anthropic_client.models.list(limit=1000):
        assert info.model_extra == {}
        assert set(info.to_dict()) == set(ModelInfo.model_fields)
        assert info.capabilities is not None
        assert set(info.capabilities.to_dict()) == set(ModelCapabilities.model_fields)


def test_anthropic_tells_limits_and_names(anthropic_client: anthropic.Anthropic) -> None:
    haiku = anthropic_client.models.retrieve("claude-haiku-4-5-20251001")
    assert (haiku.display_name, haiku.line, haiku.lifecycle) == ("Claude Haiku 4.5", "haiku", "active")
    assert (haiku.max_input_tokens, haiku.max_tokens) == (200_000, 64_000)
    assert haiku.created_at == datetime(2025, 10, 1, tzinfo=UTC)
    sonnet = anthropic_client.models.retrieve("claude-sonnet-5-5")
    assert (sonnet.display_name, sonnet.max_input_tokens, sonnet.max_tokens) == (
        "Claude Sonnet 5.5",
        1_000_000,
        128_000,
    )


@pytest.mark.parametrize(
    ("model", "kinds", "efforts"),
    [
        ("claude-haiku-4-5", {"enabled", "disabled"}, set()),
        ("claude-sonnet-4-6", {"adaptive", "enabled", "disabled"}, {"low", "medium", "high", "max"}),
        ("claude-haiku-5-5", {"adaptive", "disabled"}, {"low", "medium", "high", "xhigh", "max"}),
        ("claude-sonnet-5-5", {"adaptive", "between_tools"}, {"low", "medium", "high", "xhigh", "max"}),
        ("claude-fable-5-2", {"adaptive"}, {"low", "medium", "high", "xhigh", "max"}),
    ],
)
def test_anthropic_tells_capabilities(
    anthropic_client: anthropic.Anthropic, model: str, kinds: set[str], efforts: set[str]
) -> None:
    able = anthropic_client.models.retrieve(model).capabilities
    assert able is not None
    types = able.thinking.types.to_dict()
    assert {kind for kind, said in types.items() if said == {"supported": True}} == kinds
    levels = able.effort.to_dict()
    assert levels.pop("supported") is bool(efforts)
    assert {level for level, said in levels.items() if said == {"supported": True}} == efforts


def test_a_lifecycle_has_three_stages(double: Double, anthropic_client: anthropic.Anthropic) -> None:
    seen = []
    for day in ("2026-09-30", "2026-10-01", "2026-11-29", "2026-11-30"):
        double.today(day)
        info = anthropic_client.models.retrieve("claude-sonnet-4-5")
        seen.append((info.lifecycle, info.deprecated_at and info.deprecated_at.date().isoformat()))
    assert seen == [
        ("active", None),
        ("deprecated", "2026-10-01"),
        ("deprecated", "2026-10-01"),
        ("retired", "2026-10-01"),
    ]
    assert info.retires_at == datetime(2026, 11, 30, tzinfo=UTC)


def test_retired_models_are_listed_on_demand(double: Double, anthropic_client: anthropic.Anthropic) -> None:
    listed = anthropic_rows(double)
    assert "claude-sonnet-4-5" in listed
    assert "claude-opus-4-0" not in listed
    asked = anthropic_client.models.list(lifecycle=["retired", "deprecated"], limit=1000)
    lives = {info.id: info.lifecycle for info in asked}
    assert lives["claude-opus-4-0"] == "retired"
    assert set(lives.values()) == {"retired", "deprecated"}


def test_pages_have_bounds(double: Double) -> None:
    page = models(double, "anthropic").json
    assert (len(page["data"]), page["has_more"]) == (20, True)
    said = models(double, "anthropic", "?limit=1001")
    assert (said.status, said.error["message"]) == (400, "limit: Input should be less than or equal to 1000")
    before = models(double, "anthropic", f"?limit=2&before_id={page['last_id']}").json
    assert [row["id"] for row in before["data"]] == [row["id"] for row in page["data"][17:19]]


# Both


def test_registered_models_are_listed(double: Double) -> None:
    double.model("ours-1", like="gpt-4o", gone_on="2027-03-01")
    double.model("ours-2", like="claude-haiku-5-5")
    assert openai_rows(double)["ours-1"]["shutdown_date"] == "2027-03-01"
    assert anthropic_rows(double)["ours-2"]["max_tokens"] == 128_000


def test_a_scripted_list_can_say_more_than_ids(double: Double) -> None:
    rows = ["gpt-4o", {"id": "ours", "shutdown_date": "2026-12-24"}]
    double.script("models", match={"path": "/v1/models"}, ids=rows)
    assert [(row["id"], row["shutdown_date"]) for row in models(double, "openai").json["data"]] == [
        ("gpt-4o", "2027-01-14"),
        ("ours", "2026-12-24"),
    ]


def test_the_day_is_kept_until_it_is_cleared(double: Double) -> None:
    double.today("2026-11-25")
    assert double.ask("GET", "today") == {"today": "2026-11-25"}
    double.clear()
    assert double.ask("GET", "today") == {"today": WRITTEN_ON.isoformat()}


def test_the_day_is_the_clocks_where_none_is_given() -> None:
    with Double() as another:
        assert another.ask("GET", "today") == {"today": datetime.now(UTC).date().isoformat()}


def test_what_cannot_be_registered_is_refused_in_words(double: Double) -> None:
    for asked, said in (
        ({"id": "x"}, 'give {"id": "…", "like": "gpt-4o"}'),
        ({"id": "x", "like": "gpt-9"}, "no model is called 'gpt-9'"),
        ({"id": "x", "like": "gpt-4o", "gone_on": "soon"}, "Invalid isoformat string"),
    ):
        answer = send(double, "POST", "/__double/models", {}, json.dumps(asked).encode())
        assert (answer.status, answer.json["error"][: len(said)]) == (400, said)
    answer = send(double, "POST", "/__double/today", {}, b'{"today": "tomorrow"}')
    assert (answer.status, answer.json) == (400, {"error": 'give {"today": "YYYY-MM-DD"}'})
