"""The simulated Internet: probes in, answers of thousands of routers out, and the truth."""
