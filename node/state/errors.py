"""Why a database can't be used.

```
DatabaseError
├── UnusablePath        its directory can't be made, or is none
├── DatabaseLocked      another process, or this one, has it open
├── WrongChain          it belongs to another genesis
├── OtherSchema         a later or a much earlier version of this program wrote it
├── WriteFailed         the disk is full or failing, nothing of the batch was written
└── CorruptDatabase     RocksDB can't open it, or a record is damaged or missing
```
"""


class DatabaseError(Exception):
    """The database can't be used."""


class UnusablePath(DatabaseError):
    """The directory can't be made, or a file is in its place; choose another base path."""


class DatabaseLocked(DatabaseError):
    """Somebody has the database open; stop that node, or choose another base path."""


class WrongChain(DatabaseError):
    """The database holds another chain; choose another base path, or purge this one."""


class OtherSchema(DatabaseError):
    """Another version of this program wrote the database; use that version, or purge the chain."""


class WriteFailed(DatabaseError):
    """The disk is full or failing; nothing of the batch was written. Make room, and start the node again."""


class CorruptDatabase(DatabaseError):
    """RocksDB can't open the files, or a record is damaged or missing; choose another base path, or purge this one."""
