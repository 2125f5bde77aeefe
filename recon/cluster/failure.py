"""What goes wrong on a cluster, in one sentence.

DeviceError
└── ClusterError        the cluster cannot be used, or failed
    ├── WorkerLost      one worker is gone: what it held is made again elsewhere
    └── ClusterFull     its workers' memory does not hold what was asked for
"""

from recon.device.failure import DeviceError


class ClusterError(DeviceError):
    """A cluster cannot be used; the message says why and what to do."""


class WorkerLost(ClusterError):
    """A worker is gone, with what it held."""


class ClusterFull(ClusterError):
    """The workers' memory does not hold what was asked for; the message has the numbers."""
