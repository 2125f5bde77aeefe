"""What is measured of the camera and the scan: disc, ellipse, descan, lattice."""
