"""What the page shows: each view takes plain values and knows no pipeline."""
