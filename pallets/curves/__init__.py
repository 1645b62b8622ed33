"""Tokens of agents, sold and bought back along a curve."""
