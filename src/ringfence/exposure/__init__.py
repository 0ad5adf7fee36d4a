"""Where a vendor sits, and what it could reach."""
