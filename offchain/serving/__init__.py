"""What a worker answers at its endpoint: requests to agents, each answered with a signed receipt."""
