"""What a step took and gave: measured without making the device wait, summed, and told in reports."""
