from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_audit_actor_outlives_user")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["workspace", "action", "-id"], name="audit_by_action"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["workspace", "actor_email", "-id"], name="audit_by_actor"),
        ),
    ]
