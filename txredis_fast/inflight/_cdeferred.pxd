# cython: language_level=3

cdef object new_deferred(object canceller)
cdef object new_fired(object value)
cdef int fire(object deferred, object value) except -1
cdef int fire_error(object deferred, object error) except -1
cdef int fire_kept(list deferreds, Py_ssize_t index, object value) except -1
