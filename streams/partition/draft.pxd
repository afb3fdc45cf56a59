from streams.partition.packing cimport conversation_key, pack
from streams.partition.conversation cimport Conversation
from streams.partition.head cimport Head
cimport cython


cdef class Draft:
    cdef object _store
    cdef public object editions
    cdef dict _open
    cdef dict _sealed
    cdef dict _changed
    cdef dict _heads

    @cython.locals(found=Conversation, head=Head)
    cpdef Conversation conversation(self, tenant, conversation_id)
    @cython.locals(head=Head)
    cpdef touched(self, Conversation conversation, offset)
    cdef Conversation _conversation(self, key, tenant, conversation_id, Head head)


cdef class _Archive:
    cdef Head _head
    cdef str _key
    cdef dict _published
    cdef dict _sealed
