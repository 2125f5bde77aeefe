"""G in slabs on the workers of a Dask cluster: scans larger than one machine."""
