from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db.models import Q
from django.utils import timezone

from billing import ledger
from billing.models import Account


class Command(BaseCommand):
    help = "Expires what is over and grants the allotments that are due. Safe to run as often as you like."

    def handle(self, *args: Any, **options: Any) -> None:
        due = Account.objects.filter(Q(next_event_at=None) | Q(next_event_at__lte=timezone.now()))
        due = due.filter(workspace__closing_at=None)
        done = failed = 0
        failure: Exception | None
        for account in due.order_by("pk").iterator():
            try:
                _, failure = ledger.bring_up_to_date(account)
            except DatabaseError as problem:
                # A failing account must not keep the next ones from their turn.
                failure = problem
            if failure is None:
                done += 1
            else:
                failed += 1
                self.stderr.write(f"Account {account.pk}: {type(failure).__name__}")
        self.stdout.write(f"{done} account(s) brought up to date.")
        if failed:
            raise CommandError(f"{failed} account(s) were not; run it again.")
