"""The work of the stages, each result remembered by exactly what it depends on."""
