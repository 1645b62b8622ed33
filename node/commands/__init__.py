"""The commands of `fathom`, each module with its own, loaded when one of them is wanted."""
