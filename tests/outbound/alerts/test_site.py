"""The address that begins the links in messages."""

import socket

import pytest

from outbound.alerts.site import alert_site
from tests.helpers.config_text import parse_config

NAME = socket.gethostname()
ADDRESSES = [
    ("", "http://127.0.0.1:8001"),
    ("web: {host: 0.0.0.0, port: 80}", f"http://{NAME}:80"),
    ("web: {host: '::'}", f"http://{NAME}:8001"),
    ("web: {host: 'fe80::1'}", "http://[fe80::1]:8001"),
    ("web: {hosts: ['*.lan', volt.lan], host: 0.0.0.0, base_url: /volt/}", "http://volt.lan:8001/volt"),
    ("web: {hosts: [volt.example.org], proxies: [127.0.0.1]}", "https://volt.example.org"),
    ("web: {port: 0}", ""),
    ("alerts: {link: 'https://volt.example.org/volt/'}", "https://volt.example.org/volt"),
]


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_links_begin_with_the_address_of_the_site(text, address, tmp_path):
    site = alert_site(parse_config(f"title: Home\ntimezone: Europe/Berlin\n{text}", tmp_path))
    assert (site.base_url, site.timezone, site.title) == (address, "Europe/Berlin", "Home")
