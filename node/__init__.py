"""The node: the process around the state machine."""
