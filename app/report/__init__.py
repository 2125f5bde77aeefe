"""A reconstruction on paper: its images, its numbers with their errors, and what to doubt."""
