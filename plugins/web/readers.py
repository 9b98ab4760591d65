"""Readers of sources, the view `readers`: what kinds there are and which ones are configured."""

from ingest.schema import ups

KINDS = {"mysensors": "MySensors gateway", **ups.KINDS}
CONFIGURED = f"""(kind = 'mysensors' and source in (select name from gateways where configured)
  or kind <> 'mysensors' and {ups.CONFIGURED})"""
CONFIGURED_READERS = f"select * from readers where {CONFIGURED} order by kind, source"
