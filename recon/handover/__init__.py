"""What other programs need to go on from here, in their conventions."""
