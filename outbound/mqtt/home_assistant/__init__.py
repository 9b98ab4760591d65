"""What is announced to Home Assistant: each UPS, node and gateway as a device with its entities."""
