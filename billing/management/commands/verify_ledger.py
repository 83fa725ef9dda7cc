from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import laws
from billing.models import Account, Transfer


class Command(BaseCommand):
    help = "Adds the ledger up from its rows; prints each drift and exits 1 if there is any."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = laws.broken_laws()
        balances = laws.trial_balance()
        for drift in broken:
            self.stderr.write(drift)
        for name, credits in balances.items():
            self.stdout.write(f"{name:<12}{credits:>16,}")
        if sum(balances.values()):
            broken.append("trial balance")
            self.stderr.write(f"Trial balance: all accounts come to {sum(balances.values()):,}, not to 0")
        if broken:
            raise CommandError(f"The ledger has drifted: {len(broken)} finding(s).")
        accounts, transfers = Account.objects.count(), Transfer.objects.count()
        self.stdout.write(f"The ledger is sound: {accounts:,} accounts, {transfers:,} transfers.")
