"""The screens: each paints what `tui.state` knows and says what its keys ask. They are handed what they read."""
