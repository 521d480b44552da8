"""The optimizer: parameter groups per slot, AdamW, and a store of its states slot by slot."""
