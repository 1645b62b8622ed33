"""What an agent's holders decide together: proposals, votes, and what becomes of them."""
