"""Provider keys: entering, replacing, restoring, verifying, deleting, wiping. Other apps use this module only.

Every act locks the workspace's LLM settings and writes its audit event in the same transaction.
Providers are asked outside any transaction. With no workspace, the same acts are done to the
platform's own keys. What an act can fail with is in llm/keys/errors.py.

Re-exported for other apps: noting what a reply showed of a key (llm/health.py), the address that a key is sent to
(llm/listing.py), and what a row is sealed for (llm/sealing.py).
"""

from llm.health import is_news, note_result, note_unreadable
from llm.keys.checking import list_account_models, verify
from llm.keys.errors import (
    CheckRunning,
    NoActiveKey,
    NoSuchRegion,
    NothingToRestore,
    ProviderKeyError,
    SecretRejected,
    SecretUnfit,
)
from llm.keys.held import RESTORE_WITHIN, active, held_by, restorable
from llm.keys.opening import assert_opens, count_unseal, open_row, try_opening
from llm.keys.retiring import delete, destroy, restore, wipe_retired
from llm.keys.saving import enter, replace, set_region
from llm.listing import base_url
from llm.sealing import binding_of, binding_of_row, sealed_of

__all__ = [
    "RESTORE_WITHIN", "CheckRunning", "NoActiveKey", "NoSuchRegion", "NothingToRestore", "ProviderKeyError",
    "SecretRejected", "SecretUnfit", "active", "assert_opens", "base_url", "binding_of", "binding_of_row",
    "count_unseal", "delete", "destroy", "enter", "held_by", "is_news", "list_account_models", "note_result", "note_unreadable",
    "open_row", "replace", "restorable", "restore", "sealed_of", "set_region", "try_opening", "verify", "wipe_retired",
]  # fmt: skip
