"""The agents that come with Fathom, each a folder with a project of `fathom agent`."""
