"""
The fleet as the command line and the DAGs see it: one row per host, whatever was done.

`facade.Fleet` joins the provisioning engine (hosts, over SSH) and the cluster's API (kube nodes).
"""
