"""Grafana: dashboards, made from code and committed as the JSON that it imports."""
