"""Where agents' code runs: metered, bounded, and with nothing of the outside world but what a run is given."""
