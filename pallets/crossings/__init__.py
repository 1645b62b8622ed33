"""What agents do on other chains: which, what, for how much, and the outboxes that keep it in order."""
