"""What any screen is made of: rows of text, the bar of keys, a field in place, what a thread hands over."""
