"""The client side of NUT servers: wire, connection, reader and sender of orders."""
