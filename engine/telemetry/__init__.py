"""What the machine does meanwhile: GPU, processor, disk, and what holds the device's memory."""
