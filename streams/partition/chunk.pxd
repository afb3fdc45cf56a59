from streams.fold.events cimport LogEvent
from streams.partition.conversation cimport Conversation
from streams.partition.draft cimport Draft
from streams.partition.head cimport Change
cimport cython


@cython.locals(
    draft=Draft, made=list, block=list, conversation=Conversation, event=LogEvent, change=Change,
    in_order=bint, accepted="long long", late="long long", duplicates="long long"
)
cpdef process(store, records, origin, now_ms, emit=*)
cdef list _read_all(list block)
cdef _take_alerts(outcome, Conversation conversation, timestamp_ms)
