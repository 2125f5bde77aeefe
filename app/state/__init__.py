"""What the user sets, in the user's units: Param classes without arrays, plots or addresses."""
