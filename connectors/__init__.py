"""What publishes events: the producer, the file importers and the simulator."""

import speedups

speedups.install_finder()
