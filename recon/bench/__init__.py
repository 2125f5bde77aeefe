"""Speed against floors, the paper's kernel and peers, in one run."""
