"""Running again what a worker says that it has run: jobs, and requests by their receipts."""
