from django.db import migrations


class Migration(migrations.Migration):
    """The model has another name; its table keeps the one that it has, for processes of an earlier version."""

    dependencies = [("agents", "0011_instances")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("Watch", "Duty"),
                migrations.AlterModelTable("Duty", "agents_watch"),
            ]
        )
    ]
