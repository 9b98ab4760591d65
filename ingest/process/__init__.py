"""What every program of the installation needs to run: logging, systemd notification, back-off."""
