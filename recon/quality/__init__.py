"""How good a scan and its images are: health, halves, ring correlation, denoising."""
