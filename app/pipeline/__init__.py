"""From what the user sets to what the page shows; the latest value wins."""
