"""What lies over any screen: the question before what destroys, the keys, the settings."""
