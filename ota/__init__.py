"""Firmware over the air: images, stream payloads, the state of an update, rollouts. No sockets, no database."""
