"""The demo house: a MySensors gateway with a dozen nodes, as a program that speaks the wire protocol."""
