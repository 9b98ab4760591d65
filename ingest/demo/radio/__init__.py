"""The demo's radio network: nodes, what they measure, and the gateway program."""
