"""The cockpit: shows runs and sends what is asked of them. It never sees torch."""
