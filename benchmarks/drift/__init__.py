"""Drift: false alarms and what is found, on data made for it and on real builds."""
