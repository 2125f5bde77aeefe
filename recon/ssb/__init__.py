"""From the bright field to G on its sidebands, and from G to the phase."""
