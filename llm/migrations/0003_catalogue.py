"""The chat models a new installation offers; operators change prices and add more in their pages."""

from django.db import migrations

# name, provider, model id, credits, list price (µ$ per million tokens in, out), context, note
CATALOGUE = [
    ("Bookbag Local", "local", "", 1, None, None, None, "Built in, needs no key; quotes your sources. Never charged."),
    ("GPT-4o mini", "openai", "gpt-4o-mini", 1, 150_000, 600_000, 128_000, "Quick and cheap, for everyday questions."),
    ("Claude Haiku 4.5", "anthropic", "claude-haiku-4-5-20251001", 2, 1_000_000, 5_000_000, 200_000, "Quick, with a good ear for tone."),
    ("Claude Sonnet 4.6", "anthropic", "claude-sonnet-4-6", 4, 3_000_000, 15_000_000, 200_000, "Careful with long sources and instructions."),
    ("GPT-4o", "openai", "gpt-4o", 5, 2_500_000, 10_000_000, 128_000, "The larger all-rounder."),
]  # fmt: skip


def add_catalogue(apps, schema_editor):
    chat_models = apps.get_model("llm", "ChatModel").objects
    for position, (name, provider, model_id, price, inputs, outputs, context, note) in enumerate(CATALOGUE):
        chat_models.get_or_create(
            workspace=None,
            provider=provider,
            model_id=model_id,
            defaults={
                "name": name,
                "price": price,
                "input_price": inputs,
                "output_price": outputs,
                "context_tokens": context,
                "note": note,
                "position": position,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("llm", "0002_keks_and_unseal_counts")]

    # Backwards keeps the rows: agents may run on them by then.
    operations = [migrations.RunPython(add_catalogue, migrations.RunPython.noop)]
