"""`slotdeck report`: a run as one HTML page, without a script or a request: to be sent, printed and kept."""
