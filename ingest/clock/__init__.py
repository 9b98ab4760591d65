"""The clocks of the machine: what they read, whether the wall clock is believed, and its steps."""
