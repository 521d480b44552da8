"""What is known of each slot: now, over the steps, measured, forecast, and what was done with it."""
