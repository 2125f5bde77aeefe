"""A scan while it is being made: received, kept as it comes, and played for those who wait."""
