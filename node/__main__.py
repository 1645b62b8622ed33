"""`python -m node` is `fathom`."""

from node.cli import main

if __name__ == "__main__":
    main()
