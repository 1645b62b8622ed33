"""`purge-chain`: the database of one chain, and nothing else, is removed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from node.maintenance.errors import MaintenanceError
from node.maintenance.offline import require_database
from node.state.identity import Lock

REMOVED = ".removed"
"""What a database's name ends with while it is removed: half of one must not be taken for one."""


def purge(path: Path) -> None:
    """Removes a database, also a damaged one; raises `MaintenanceError` or, where it is in use, `DatabaseLocked`."""
    require_database(path)
    removed = path.with_name(path.name + REMOVED)
    lock = Lock(path)
    try:
        if removed.exists():
            shutil.rmtree(removed)
        path.rename(removed)
        shutil.rmtree(removed)
    except OSError as error:
        raise MaintenanceError(f"{path} can't be removed: {error.strerror}") from None
    finally:
        lock.release()
    with suppress(OSError):
        path.parent.rmdir()  # unless something else is kept there
