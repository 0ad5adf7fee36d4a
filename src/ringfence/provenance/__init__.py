"""What came in, what came out, by what code: one record a step."""
