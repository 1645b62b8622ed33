"""What callers of agents speak to: HTTP in, requests to attested workers out, every answer with its receipt."""
