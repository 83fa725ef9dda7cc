"""The errors of acts on provider keys. When one is raised, nothing was changed.

ProviderKeyError
├── NoActiveKey       there is nothing to verify, delete or replace
├── NoSuchRegion      the provider has none of this name, or the deployment's address has none
├── NothingToRestore  no superseded key is left to go back to
├── SecretUnfit       cannot be sent in a header, or is a credential of another sort
├── CheckRunning      the provider is being asked about this key already
└── SecretRejected    the provider does not accept it, so it was not stored
"""


class ProviderKeyError(Exception):
    """An act on a provider key that could not be done; nothing was changed."""


class NoActiveKey(ProviderKeyError):
    pass


class NoSuchRegion(ProviderKeyError):
    pass


class NothingToRestore(ProviderKeyError):
    pass


class SecretUnfit(ProviderKeyError):
    pass


class CheckRunning(ProviderKeyError):
    pass


class SecretRejected(ProviderKeyError):
    pass
