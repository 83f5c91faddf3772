"""
The prober: the one program that sends packets, run on each vantage point.

Standard library only and Python 3.9 or newer, because vantage points are other people's machines.
It runs as `python -m hitscanner.prober` and, built by `build.build_pyz`, as the single file
`prober.pyz`. Everything in it is imported relatively, so that both work.
"""

__version__ = "0.1.0"
