"""How the scan lies on the detector: rotation and transpose, by curl and by sidebands."""
