"""
What people look at: the summary of a cycle, its progress while it runs, and its page.

Beside `pipeline`: may import `hitscanner.domain`, never Airflow, never the environment.
"""
