"""The models: the slotted interface, the layers, one file per family, and the builder."""

from engine.models.build import build_model
from engine.models.slotted import BlockPlan, SlottedModel

__all__ = ["BlockPlan", "SlottedModel", "build_model"]
