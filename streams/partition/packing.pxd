cpdef bytes pack(head)
cpdef str conversation_key(str tenant, str conversation_id)
