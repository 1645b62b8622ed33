"""`fathom curve`: agents' tokens launched, traded and drawn."""
