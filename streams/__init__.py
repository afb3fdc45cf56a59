"""Events in, facts and windows out. Pure code in `sla`, `fold`, `timers`, `windows` and `partition`, which keeps the
state of conversations; Faust around it in `worker`.
"""

import speedups

speedups.install_finder()
