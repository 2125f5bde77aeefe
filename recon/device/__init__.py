"""Where arrays live and who computes: the CPU, or a GPU through CuPy."""
