"""The parts of `engine.slots.optimizer`: slots on a training loop and a model that are not this project's."""
