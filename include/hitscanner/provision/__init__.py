"""
The provisioning engine: facts (read) → plan (pure) → apply.

What to call: `gather`, `plan_host` and `apply_host` for one host; `operations` for many.
"""
