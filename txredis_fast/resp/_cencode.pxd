# cython: language_level=3

cdef bytes encode_usual(tuple args, object charset)

#: The slot of a key that is bytes, or str of ASCII only; -1 for any other.
cdef int slot_of_text(object key) except -2
