"""What stands beside the results of a scan that was reconstructed, shortened."""

PARAMETERS = {
    "file": {"notes": ["The last row is cut."]},
    "contradictions": [],
    "scan_shape": [10, 20],
    "electrons": 5000,
    "calibration": {
        "energy": 80e3,
        "semiangle_cutoff": 25.0,
        "scan_sampling": [0.5, 0.25],
        "rotation_deg": -12.0,
        "transpose": True,
    },
    "orientation": {"rotation_error": 0.5},
    "aberrations": {"C10": -120.0, "C12a": 30.0, "C12b": -40.0},
    "fit": {"errors": {"C10": 2.0}, "flatness_after": 0.53, "remarks": [], "statement": ""},
    "resolution": {"1/7": 0.9},
    "faulty_pixels": {"statement": "3 hot pixels."},
    "undersampling": {"statement": ""},
    "current": None,
    "device": {"used": "cpu"},
    "batch": {"seconds": 1.5},
}
