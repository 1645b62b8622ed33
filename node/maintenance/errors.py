"""What a chain command can't do."""


class MaintenanceError(Exception):
    """The command can't be carried out; the message is one line that says what to do."""
