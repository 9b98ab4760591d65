"""Firmware for nodes, over the air: images, the dialogue with bootloaders, updates. No sockets, no Datasette."""
