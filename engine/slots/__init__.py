"""Who works at each step: plans, the policies that propose them, and the operator's holds that beat them."""
