# cython: language_level=3

cdef bytes encode_usual(tuple args, object charset)
