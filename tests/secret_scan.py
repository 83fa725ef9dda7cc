"""`make audit`, first half: secrets in the tracked files, by detect-secrets.

What it finds and what is none (made-up keys of tests, say) is in `.secrets.baseline`, as hashes. After a look at what it
reports, `python -m tests.secret_scan --accept` takes the findings of today for good.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.core import baseline
from detect_secrets.settings import get_settings

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / ".secrets.baseline"
# Hashes of packages, pictures, and what is accepted.
PASSED_OVER = ("uv.lock", "docs/img/", BASELINE.name)


def tracked() -> list[str]:
    """The files of the project, by their paths from its root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [path for path in listed.stdout.split("\0") if path and not path.startswith(PASSED_OVER)]


def found_in(paths: Iterable[str], root: Path = ROOT) -> SecretsCollection:
    """What looks like a secret, with the plugins that the baseline names."""
    baseline.load(baseline.load_from_file(str(BASELINE)))
    found = SecretsCollection(root=str(root))
    for path in paths:
        found.scan_file(path)
    return found


def accepted() -> set[tuple[str, str]]:
    """File and hash of each finding that is none."""
    results = json.loads(BASELINE.read_text())["results"]
    return {(path, one["hashed_secret"]) for path, ones in results.items() for one in ones}


def unaccepted(found: SecretsCollection) -> list[str]:
    """A line for each finding that nobody has accepted; the secret itself is in none."""
    known = accepted()
    return sorted(
        f"{path}:{one.line_number} {one.type}" for path, one in found if (path, one.secret_hash) not in known
    )


def _accept(found: SecretsCollection) -> None:
    kept = {
        "version": json.loads(BASELINE.read_text())["version"],
        **get_settings().json(),
        # By the file's path in the project, wherever that lies.
        "results": {path: [one | {"filename": path} for one in ones] for path, ones in found.json().items()},
    }
    BASELINE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def main() -> int:
    found = found_in(tracked())
    if "--accept" in sys.argv:
        _accept(found)
        return 0
    new = unaccepted(found)
    print("\n".join(new) or "No secrets in the tracked files.")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
