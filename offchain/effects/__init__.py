"""What scripts know of the chain, and how what they leave for it gets there."""
