"""The two assets that chain `traceroute` → `transform` → `load`."""

from airflow.sdk import Asset

raw_traces = Asset("raw_traces", group="hitscanner")
"""Verified raw files of a cycle are in the store; an event's extra holds list, cycle and state."""

topology_tables = Asset("topology_tables", group="hitscanner")
"""Tables and links of a cycle are in the store; an event's extra holds list and cycle."""
