"""What django-allauth calls whenever it stores or uses the secret of a second factor (MFA_ADAPTER)."""

from llm import factor_secrets, ring, vault
from workspaces import second_factors
from workspaces.errors import FactorUnreadable


class Adapter(second_factors.Adapter):
    """Seals for the person whose factor is at hand, and opens for them alone."""

    def encrypt(self, text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        try:
            ring.assert_genuine()
            return factor_secrets.seal(text, second_factors.at_hand())
        except vault.VaultError:
            raise FactorUnreadable from None

    def decrypt(self, encrypted_text: str) -> str:
        """Raises workspaces.errors.FactorUnreadable."""
        try:
            return factor_secrets.unseal(encrypted_text, second_factors.at_hand())
        except vault.VaultError:
            raise FactorUnreadable from None
