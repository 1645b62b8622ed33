"""Scripts that anyone may have run, and the companies they are."""
