"""The sub-commands: options and help; what each does is imported when it runs."""
