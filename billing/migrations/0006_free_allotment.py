import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_fewer_indexes"),
        ("workspaces", "0005_fill_who_made_it"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FreeAllotment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "mailbox",
                    models.CharField(help_text="Digest, workspaces/people.py.", max_length=64, unique=True),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="free_allotment",
                        to="billing.account",
                    ),
                ),
                (
                    "person",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="plan",
            name="once_per_person",
            field=models.BooleanField(
                default=False,
                help_text="Its allotment goes to one workspace of each person who has confirmed their e-mail address.",
            ),
        ),
        migrations.AddField(
            model_name="plan",
            name="is_default",
            field=models.BooleanField(
                default=False,
                help_text="Exactly one plan is. Anybody can make workspaces, so its allotment is given once per person.",
                verbose_name="plan of new workspaces",
            ),
        ),
    ]
