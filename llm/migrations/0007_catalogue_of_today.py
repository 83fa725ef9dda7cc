"""The chat models of November 2026, and the last day of those that leave.

Prices in credits keep the ladder of the rows that stay (docs/decisions/0010-the-catalogue-of-today.md). What an operator
has changed in a row is left as it is.
"""

import datetime as dt

from django.db import migrations

# name, provider, model id, credits, list price (µ$ per million tokens: in, cached in, out), context, note, place
ADDED = [
    ("GPT-6 Luna", "openai", "gpt-6-luna", 1, 100_000, 10_000, 500_000, 1_050_000, "Quick and cheap, for everyday questions.", 1),
    ("Claude Haiku 5.5", "anthropic", "claude-haiku-5-5", 1, 100_000, None, 500_000, 1_000_000, "Quick, and thinks a moment before it answers.", 2),
    ("GPT-6.1 Terra", "openai", "gpt-6.1-terra", 2, 1_000_000, 50_000, 5_000_000, None, "The larger all-rounder.", 4),
    ("Claude Sonnet 5.5", "anthropic", "claude-sonnet-5-5", 4, 2_000_000, 100_000, 10_000_000, 1_000_000, "Careful with long sources; thinks before it answers.", 6),
]  # fmt: skip
# Anthropic charges this model's long prompts five times as much, as a whole.
LONG_PROMPTS = {"claude-haiku-5-5": (100_000, 5)}
# The place a published row had, and has now.
PLACES = {
    "gpt-4o-mini": (1, 3),
    "claude-haiku-4-5-20251001": (2, 5),
    "claude-sonnet-4-6": (3, 7),
    "gpt-4o": (4, 8),
}
CACHED_PRICES = {
    "gpt-4o-mini": 75_000,
    "gpt-4o": 1_250_000,
    "claude-haiku-4-5-20251001": 100_000,
    "claude-sonnet-4-6": 300_000,
}
LAST_DAYS = {"gpt-4o-mini": dt.date(2027, 1, 14), "gpt-4o": dt.date(2027, 1, 14)}
REPLACEMENT = "gpt-6-luna"


def bring_up_to_date(apps, schema_editor):
    chat_models = apps.get_model("llm", "ChatModel").objects
    catalogue = chat_models.filter(workspace=None)
    for name, provider, model_id, price, inputs, cached, outputs, context, note, place in ADDED:
        long_prompt, factor = LONG_PROMPTS.get(model_id, (None, 1))
        chat_models.get_or_create(
            workspace=None,
            provider=provider,
            model_id=model_id,
            defaults={
                "name": name,
                "price": price,
                "input_price": inputs,
                "cached_input_price": cached,
                "output_price": outputs,
                "context_tokens": context,
                "long_prompt_tokens": long_prompt,
                "long_prompt_factor": factor,
                "note": note,
                "position": place,
            },
        )
    for model_id, (before, after) in PLACES.items():
        catalogue.filter(model_id=model_id, position=before).update(position=after)
    for model_id, cached in CACHED_PRICES.items():
        catalogue.filter(model_id=model_id, cached_input_price=None).update(cached_input_price=cached)
    for model_id, day in LAST_DAYS.items():
        catalogue.filter(model_id=model_id, shuts_down_on=None).update(
            shuts_down_on=day, replaced_by=REPLACEMENT
        )
    # Its window grew after the row was written.
    catalogue.filter(model_id="claude-sonnet-4-6", context_tokens=200_000).update(context_tokens=1_000_000)


class Migration(migrations.Migration):
    dependencies = [("llm", "0006_profiles")]

    # Backwards keeps the rows: agents may run on them by then.
    operations = [migrations.RunPython(bring_up_to_date, migrations.RunPython.noop)]
