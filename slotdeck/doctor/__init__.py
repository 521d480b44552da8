"""`slotdeck doctor`: checks of the machine and of the place, and the report made of them."""
