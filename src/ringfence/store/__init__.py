"""The only room that knows an engine: tables, snapshots, queries, the jail, the pool."""
