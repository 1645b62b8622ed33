"""Nodes killed at random and at chosen moments: nothing that they told of may be lost, and no state torn."""
