"""The line of commands: typed, completed, asked about before it destroys, and followed to its end."""
