"""What scripts reach of the world outside: fetches, guarded and bounded, and the record of all that came back."""
