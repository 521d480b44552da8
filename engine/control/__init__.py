"""How the outside world reaches a run: the socket, its clients, who holds the controls, what was asked."""
