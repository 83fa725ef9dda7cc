"""The server processes that run replies, and the periodic duties they share."""

from django.db import models


class Instance(models.Model):
    """A server process that works on replies, and its last sign of life (agents/running/instances.py)."""

    id = models.UUIDField(primary_key=True, editable=False)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"instance {self.pk}, seen at {self.seen_at}"


class Duty(models.Model):
    """When a periodic duty was last taken, so that only one process takes each round."""

    name = models.CharField(max_length=20, primary_key=True)
    last_at = models.DateTimeField()

    class Meta:
        # The table has this model's first name, because processes of an earlier version still use it during an
        # upgrade.
        db_table = "agents_watch"

    def __str__(self) -> str:
        return f"{self.name} at {self.last_at}"
