"""The client side of MQTT: sessions with a broker, and what its refusals mean."""
