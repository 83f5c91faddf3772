"""The way of the data: plan, start, fetch, gate, transform, load; plain functions over a store."""
