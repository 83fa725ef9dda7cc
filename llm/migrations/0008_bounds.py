import datetime

import django.core.validators
from django.db import migrations, models
from django.db.models import Q

FIRST_DAY = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
LAST_DAY = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
BOUNDS = {
    "price": 10_000,
    "input_price": 10_000_000_000,
    "output_price": 10_000_000_000,
    "context_tokens": 100_000_000,
    "position": 10_000,
    "retired_at": LAST_DAY,
}


def clamp(apps, schema_editor):
    """Figures that were entered before there were bounds."""
    ChatModel = apps.get_model("llm", "ChatModel")
    for name, most in BOUNDS.items():
        ChatModel.objects.filter(**{f"{name}__gt": most}).update(**{name: most})
    ChatModel.objects.filter(retired_at__lt=FIRST_DAY).update(retired_at=FIRST_DAY)


def at_most(name):
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__lte": BOUNDS[name]})


def validators(name):
    return [django.core.validators.MaxValueValidator(BOUNDS[name])]


class Migration(migrations.Migration):
    dependencies = [("llm", "0007_catalogue_of_today")]

    operations = [
        migrations.RunPython(clamp, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="chatmodel",
            name="price",
            field=models.PositiveIntegerField(
                default=0, validators=validators("price"), verbose_name="credits per reply"
            ),
        ),
        migrations.AlterField(
            model_name="chatmodel",
            name="input_price",
            field=models.PositiveBigIntegerField(
                blank=True,
                null=True,
                validators=validators("input_price"),
                verbose_name="input, µ$ per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="chatmodel",
            name="output_price",
            field=models.PositiveBigIntegerField(
                blank=True,
                null=True,
                validators=validators("output_price"),
                verbose_name="output, µ$ per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="chatmodel",
            name="context_tokens",
            field=models.PositiveIntegerField(blank=True, null=True, validators=validators("context_tokens")),
        ),
        migrations.AlterField(
            model_name="chatmodel",
            name="retired_at",
            field=models.DateTimeField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(FIRST_DAY),
                    django.core.validators.MaxValueValidator(LAST_DAY),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="chatmodel",
            name="position",
            field=models.PositiveSmallIntegerField(default=0, validators=validators("position")),
        ),
        migrations.AddConstraint(
            model_name="chatmodel",
            constraint=models.CheckConstraint(
                condition=Q(price__lte=10_000, position__lte=10_000)
                & at_most("input_price")
                & at_most("output_price")
                & at_most("context_tokens")
                & at_most("retired_at")
                & (Q(retired_at__isnull=True) | Q(retired_at__gte=FIRST_DAY)),
                name="chatmodel_within_bounds",
            ),
        ),
    ]
