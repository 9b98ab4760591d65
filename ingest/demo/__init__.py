"""The demo house: a MySensors gateway with a dozen nodes, and UPSes, as programs that speak the protocols."""
