# cython: language_level=3
# Whether an object is a bound method that is known: a fast path stands for some methods, and must see an override or a
# patch. There is no _cmethods.pyx, because all functions are inline.

from cpython.object cimport PyObject

cdef extern from "Python.h":
    bint PyMethod_Check(object value)
    PyObject *PyMethod_GET_FUNCTION(object method)  # a borrowed reference
    PyObject *PyMethod_GET_SELF(object method)


cdef inline bint is_method(object method, object function) noexcept:
    """Whether something is a bound method of that function."""
    return PyMethod_Check(method) and PyMethod_GET_FUNCTION(method) == <PyObject *>function


cdef inline bint is_method_of(object method, object function, object owner) noexcept:
    """Whether something is the bound method of that function and that object."""
    return is_method(method, function) and PyMethod_GET_SELF(method) == <PyObject *>owner


cdef inline bint is_one_of(object method, tuple functions, object owner) except -1:
    """Whether something is the bound method of one of those functions and of that object."""
    return (
        PyMethod_Check(method)
        and PyMethod_GET_SELF(method) == <PyObject *>owner
        and <object>PyMethod_GET_FUNCTION(method) in functions
    )
