"""What can be believed of a chain whose node isn't: final headers, storage under them, and receipts."""
