"""The client side of the MUST EP20: wire, registers, reader and sender of orders."""
