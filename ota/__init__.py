"""Firmware over the air: images, stream payloads, updates, rollouts. No I/O, no clock."""
