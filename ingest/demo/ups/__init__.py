"""The demo's UPSes: mains and batteries as functions of time, a NUT server, a MUST EP20."""
