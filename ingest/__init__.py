"""From the field to rows: gateways, UPSes and firmware updates into one SQLite file; nothing about HTTP."""
