"""The LLM settings page: what replies on own keys cost, in two figures and never in one."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Reply
from llm import byo
from llm.models import ChatModel
from tests.bookbag.llm_settings.page import PAGE, put

pytestmark = pytest.mark.django_db


def byo_reply(cast, row, *, model_id="gpt-4o", cost=1000, days=0, **fields):
    at = timezone.now() - timedelta(days=days)
    chat_model = ChatModel.objects.get(model_id=model_id)
    values: dict[str, object] = dict(  # noqa: C408
        workspace=cast.acme, idempotency_key=str(uuid.uuid4()), fingerprint="x", question="q", text="a",
        state="completed", chat_model=chat_model, model_name=str(chat_model), provider="openai",
        credential_kind="workspace", credential_id=row.pk, billing="byo", price=0, why="byo_on",
        estimated_cost=cost, created_at=at, renewed_at=at, lease_token=uuid.uuid4(),
    )  # fmt: skip
    return Reply.objects.create(**values | fields)


def test_byo_spending_is_told_beside_what_credits_would_have_cost(cast, adam):
    row = put(cast)
    byo_reply(cast, row, cost=2_000_000)
    byo_reply(cast, row, cost=500_000, model_id="gpt-4o-mini", state="stopped")
    byo_reply(cast, row, cost=None)
    byo_reply(cast, row, days=31)
    byo_reply(cast, row, state="failed")
    # Stopped while its model was thinking: no credits would have been taken, but the provider's bill has it.
    byo_reply(cast, row, text="", state="stopped", cost=None)
    spending = adam.get(PAGE).context["page"].spending
    assert (spending.replies, spending.cost, spending.credits, spending.unpriced) == (4, 2_500_000, 11, 2)
    assert spending.by_key[row.pk] == (4, 2_500_000)
    page = adam.get(PAGE).content.decode()
    assert "$2.50" in page
    assert "11 credits" in page


def test_replies_on_custom_models_have_no_price_in_credits(cast, adam):
    row = put(cast)
    byo.add_model(cast.acme, provider="openai", model_id="o-custom", by=cast.adam)
    byo_reply(cast, row, model_id="o-custom", cost=None)
    spending = adam.get(PAGE).context["page"].spending
    assert (spending.credits, spending.custom, spending.unpriced) == (0, 1, 1)
