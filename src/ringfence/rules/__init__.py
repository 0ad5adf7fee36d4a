"""The law as tests: rule packs, and what they say of a network on a day."""
