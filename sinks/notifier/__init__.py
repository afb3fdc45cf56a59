"""Alerts to whoever asked for them: signed webhooks, for deployments without Alertmanager."""
