"""Raw frames of a camera to electrons."""
