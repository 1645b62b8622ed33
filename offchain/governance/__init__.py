"""`fathom dao`: what the holders of an agent's token decide."""
