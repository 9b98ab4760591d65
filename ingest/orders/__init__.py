"""What users and programs order of nodes and UPSes, as rows that ingest carries out, with their audit."""
