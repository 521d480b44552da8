"""What the cockpit knows and what the operator has chosen to see: plain values, no drawing."""
