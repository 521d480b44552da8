"""`slotdeck bench`: what a trained model and this machine can do, measured."""
