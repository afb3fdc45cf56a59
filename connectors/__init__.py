"""What publishes events: the gateway with its `channels`, mailboxes and logs that grow (`imap`, `following`), the file
importers, the simulator; and the producer under all but the gateway.
"""

import speedups

speedups.install_finder()
