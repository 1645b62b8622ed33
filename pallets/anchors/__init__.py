"""What jobs' runs leave on the chain: writes to their agents' stores, and actions."""
