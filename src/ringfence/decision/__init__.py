"""The decision: what each option would forbid, and what it would leave."""
