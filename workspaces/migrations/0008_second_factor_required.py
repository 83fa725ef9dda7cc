from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0007_first_steps_hidden"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="second_factor_required",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
