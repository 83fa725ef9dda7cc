from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.laws import overdue_holds, trial_balance
from billing.models import Account, Transfer
from bookbag.operations.laws import broken_laws


class Command(BaseCommand):
    help = "Adds the ledger up from its rows; prints each drift and exits 1 if there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        drifts = broken_laws()
        balances = trial_balance()
        for name, credits in balances.items():
            self.stdout.write(f"{name:<12}{credits:>16,}")
        # No drift: a running server frees these holds within SWEEP_SECONDS, and without a server they only reserve
        # credits.
        for overdue in overdue_holds():
            self.stdout.write(f"{overdue}; the next sweep frees it, or the command sweep_holds.")
        if sum(balances.values()):
            drifts.append(f"Trial balance: all accounts come to {sum(balances.values()):,}, not to 0")
        for drift in drifts:
            self.stderr.write(drift)
        if drifts:
            raise CommandError(f"The ledger has drifted: {len(drifts)} finding(s).")
        accounts, transfers = Account.objects.count(), Transfer.objects.count()
        self.stdout.write(f"The ledger is sound: {accounts:,} accounts, {transfers:,} transfers.")
