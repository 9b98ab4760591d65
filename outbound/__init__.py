"""Events to people and programs: alerts and reports; it reads the database and sends."""
