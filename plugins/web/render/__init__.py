"""Rendering that pages share: template filters, cells, trees, addresses."""
