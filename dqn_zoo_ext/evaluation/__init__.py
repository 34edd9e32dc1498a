"""How an agent is measured: named protocols, and the games played by them."""
