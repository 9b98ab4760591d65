"""Publishing by MQTT: the state of UPSes, nodes and gateways, events, and orders that come back."""
