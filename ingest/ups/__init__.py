"""UPSes: polling, records, events, energy and orders, shared by the NUT and the EP20 side."""
