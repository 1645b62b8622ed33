"""Phala's real workers on a dev chain, so that scheduling can be tried on them: `fathom mirror`."""
