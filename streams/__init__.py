"""Events in, facts and windows out. Pure code in `sla`, `fold`, `windows` and `state`; Faust around it in `worker`."""

import speedups

speedups.install_finder()
