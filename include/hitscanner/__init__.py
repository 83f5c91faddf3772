"""hitscanner: plan, probe, transform and publish Internet-topology measurements."""

__version__ = "0.1.0"
