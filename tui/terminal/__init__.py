"""The driver below Textual: only what differs is sent, and a slow line is noticed."""
