from django.db import migrations

# slug, name, credits a month, agents, seats, sources per agent; None is no limit. Enterprise's
# allotment is agreed with each customer, so its plan grants none by itself.
PLANS = [
    ("free", "Free", 100, 1, 1, 10),
    ("hobby", "Hobby", 2_000, 2, 1, 50),
    ("standard", "Standard", 12_000, 5, 3, 500),
    ("pro", "Pro", 40_000, 20, 10, 5_000),
    ("enterprise", "Enterprise", 0, None, None, None),
]


def create_plans(apps, schema_editor=None):
    """Those that are not there yet; what an operator has changed stays changed."""
    Plan = apps.get_model("billing", "Plan")
    for position, (slug, name, credits, agents, seats, sources) in enumerate(PLANS, start=1):
        Plan.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "monthly_credits": credits,
                "agent_limit": agents,
                "seat_limit": seats,
                "source_limit": sources,
                "position": position,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_charged_by_the_database")]
    operations = [migrations.RunPython(create_plans, migrations.RunPython.noop)]
