"""The optimizer: parameter groups per slot, an update rule for each parameter, and a store of states slot by slot."""
