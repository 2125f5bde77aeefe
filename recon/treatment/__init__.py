"""What is done about faults: masked, cropped, thinned, straightened."""
