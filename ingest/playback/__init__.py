"""What was recorded of UPSes, played again: the course of an outage as frames, and as files of dummy-ups."""
