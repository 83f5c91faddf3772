"""The assets that chain the DAGs: see docs/DAGS.md for who waits for whom."""

from airflow.sdk import Asset

raw_traces = Asset("raw_traces", group="hitscanner")
"""Verified raw files of a cycle are in the store; an event's extra holds list, cycle and state."""

topology_tables = Asset("topology_tables", group="hitscanner")
"""Tables and links of a cycle are in the store; an event's extra holds list and cycle."""

alias_evidence = Asset("alias_evidence", group="hitscanner")
"""Alias sets of a cycle and their evidence are in the store; the extra holds list and cycle."""

router_topology = Asset("router_topology", group="hitscanner")
"""Nodes, links and interfaces of a cycle are in the store; the extra holds list and cycle."""
