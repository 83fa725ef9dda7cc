import datetime

import django.core.validators
from django.db import migrations, models

BOUNDS = {
    "monthly_credits": 1_000_000_000,
    "agent_limit": 1_000_000,
    "seat_limit": 1_000_000,
    "source_limit": 1_000_000,
    "position": 10_000,
}


def mark_default(apps, schema_editor):
    """The plan that new workspaces began on by its name; the first one where somebody has renamed it."""
    Plan = apps.get_model("billing", "Plan")
    plans = Plan.objects.order_by("position", "pk")
    default = plans.filter(slug="free").first() or plans.first()
    if default and not plans.filter(is_default=True).exists():
        plans.filter(pk=default.pk).update(is_default=True, once_per_person=True)


def clamp(apps, schema_editor):
    """Figures that were entered before there were bounds."""
    Plan = apps.get_model("billing", "Plan")
    for name, most in BOUNDS.items():
        Plan.objects.filter(**{f"{name}__gt": most}).update(**{name: most})


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_free_allotment")]

    operations = [
        migrations.RunPython(mark_default, migrations.RunPython.noop),
        migrations.RunPython(clamp, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="plan",
            name="slug",
            field=models.SlugField(help_text="Fixed once the plan is made.", unique=True),
        ),
        migrations.AlterField(
            model_name="plan",
            name="monthly_credits",
            field=models.PositiveIntegerField(
                help_text="Credits granted at the start of each period.",
                validators=[django.core.validators.MaxValueValidator(1_000_000_000)],
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="agent_limit",
            field=models.PositiveIntegerField(
                blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1_000_000)]
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="seat_limit",
            field=models.PositiveIntegerField(
                blank=True, null=True, validators=[django.core.validators.MaxValueValidator(1_000_000)]
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="source_limit",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(1_000_000)],
                verbose_name="sources per agent",
            ),
        ),
        migrations.AlterField(
            model_name="plan",
            name="position",
            field=models.PositiveSmallIntegerField(
                default=0, validators=[django.core.validators.MaxValueValidator(10_000)]
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("is_default",), name="plan_one_default"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_default", False), ("once_per_person", True), _connector="OR"),
                name="plan_default_once_per_person",
                violation_error_message="The plan of new workspaces is given once per person.",
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("monthly_credits__lte", 1_000_000_000),
                    ("position__lte", 10_000),
                    models.Q(("agent_limit__isnull", True), ("agent_limit__lte", 1_000_000), _connector="OR"),
                    models.Q(("seat_limit__isnull", True), ("seat_limit__lte", 1_000_000), _connector="OR"),
                    models.Q(
                        ("source_limit__isnull", True), ("source_limit__lte", 1_000_000), _connector="OR"
                    ),
                ),
                name="plan_within_bounds",
            ),
        ),
        migrations.AddConstraint(
            model_name="bucket",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at__isnull", True),
                    ("expires_at__lte", datetime.datetime(2200, 1, 1, 0, 0, tzinfo=datetime.UTC)),
                    _connector="OR",
                ),
                name="bucket_expires_in_time",
            ),
        ),
    ]
