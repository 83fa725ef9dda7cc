"""What django-allauth calls whenever it stores or uses the secret of a second factor (MFA_ADAPTER)."""

from allauth.core import context as current

from llm import factor_secrets, ring, vault
from workspaces import second_factors
from workspaces.errors import FactorUnreadable

# Envelopes made ahead wait in the request, under this name.
AHEAD = "factor_envelopes"


class SealingAdapter(second_factors.FactorAdapter):
    """Seals for the person whose factor is at hand, and opens for them alone."""

    def make_ready(self, secrets: int) -> None:
        """Ask the KEK's keeper for so many envelopes: allauth seals inside its transactions, where nobody may be asked.

        Raises workspaces.errors.FactorUnreadable.
        """
        person_id = second_factors.at_hand()
        try:
            envelopes = [factor_secrets.envelope(person_id) for _ in range(secrets)]
        except vault.VaultError:
            raise FactorUnreadable from None
        setattr(current.request, AHEAD, envelopes)

    def encrypt(self, text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        ready: list[vault.Envelope] = getattr(current.request, AHEAD, [])
        try:
            ring.assert_genuine()
            # Each takes one secret, as every secret has a DEK of its own.
            ahead = ready.pop() if ready else None
            return factor_secrets.seal(text, second_factors.at_hand(), ahead=ahead)
        except vault.VaultError:
            raise FactorUnreadable from None

    def decrypt(self, encrypted_text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        try:
            return factor_secrets.unseal(encrypted_text, second_factors.at_hand())
        except vault.VaultError:
            raise FactorUnreadable from None
