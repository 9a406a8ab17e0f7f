# cython: language_level=3
# The input buffer, and fast paths for its commonest contents, compiled: see :mod:`txredis_fast.resp._pyinput`. Unlike
# that, it is a single buffer: the fed bytes object itself if nothing else is buffered, else memory of our own. There is
# no _cinput.pyx, because all functions are inline and compiled into the reader. Loops over ``const char *`` never read
# beyond the fed bytes.

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.pyport cimport PY_SSIZE_T_MAX
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove

from txredis_fast.resp._cscalars cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, digits, is_digit

#: An empty buffer of our own is freed if it is larger than this many bytes.
cdef enum:
    KEEP_BUFFER = 256 * 1024

#: Length of the longest line of a double that is read without a search for the line's end.
cdef enum:
    MAX_DOUBLE_LINE = 40

#: Returned by line_end() for a malformed line ending.
cdef enum:
    NO_LINE_END = -1

cdef struct Input:
    #: The buffered bytes are data[pos:end]. data points into chunk, or into own, a buffer of the given capacity.
    const char *data
    Py_ssize_t pos
    Py_ssize_t end
    PyObject *chunk
    char *own
    Py_ssize_t capacity
    #: Number of bytes after pos that are known to contain no line end.
    Py_ssize_t scanned
    #: Limits of the reader.
    Py_ssize_t max_bulk
    Py_ssize_t max_elements
    Py_ssize_t max_line


cdef inline Py_ssize_t waiting(Input *self) noexcept:
    return self.end - self.pos


cdef inline void consume(Input *self, Py_ssize_t size) noexcept:
    self.pos += size
    self.scanned = 0


cdef inline void _free(Input *self) noexcept:
    PyMem_Free(self.own)
    self.own = NULL
    self.capacity = 0


cdef inline void _let_go(Input *self) noexcept:
    Py_XDECREF(self.chunk)
    self.chunk = NULL
    self.data = b""  # not NULL: NULL + 0 is undefined behaviour in C
    self.pos = self.end = 0


cdef inline void release(Input *self) noexcept:
    """Free empty buffers, except a small one of our own."""
    _let_go(self)
    if self.capacity > KEEP_BUFFER:
        _free(self)


cdef inline void clear(Input *self) noexcept:
    """Drop all bytes."""
    _let_go(self)
    _free(self)
    self.scanned = 0


cdef inline int feed(Input *self, bytes chunk, Py_ssize_t start) except -1:
    """Append a chunk.

    :param start: number of bytes at the beginning of the chunk to leave out; must be 0 unless the buffer is empty.
    """
    cdef Py_ssize_t size = PyBytes_GET_SIZE(chunk)
    if self.pos != self.end:
        _append(self, PyBytes_AS_STRING(chunk), size)
    elif start < size:
        Py_XDECREF(self.chunk)
        Py_INCREF(chunk)
        self.chunk = <PyObject *>chunk
        self.data = PyBytes_AS_STRING(chunk)
        self.pos = start
        self.end = size
    return 0


cdef inline int _append(Input *self, const char *data, Py_ssize_t size) except -1:
    """Append bytes to a buffer that is not empty, in amortised constant time per byte."""
    cdef Py_ssize_t rest = self.end - self.pos
    cdef Py_ssize_t capacity
    cdef char *own
    if self.data != self.own or self.capacity - self.end < size:
        if self.data == self.own and self.capacity - rest >= size and self.pos >= rest:
            memmove(self.own, self.own + self.pos, rest)
        else:
            capacity = rest + size + (rest + size) // 2 + 64
            own = <char *>PyMem_Malloc(capacity)
            if own == NULL:
                raise MemoryError()
            memcpy(own, self.data + self.pos, rest)
            PyMem_Free(self.own)
            self.own = own
            self.capacity = capacity
            self.data = own
            Py_XDECREF(self.chunk)
            self.chunk = NULL
        self.pos = 0
        self.end = rest
    memcpy(self.own + self.end, data, size)
    self.end += size
    return 0


cdef inline bint is_type_byte(char byte) noexcept:
    return byte in (
        c"$", c"+", c":", c"*", c"-", c"_", c"#", c",", c"(", c"%", c"~", c"!", c"=", c"|", c">"
    )


cdef inline Py_ssize_t length(const char *text, Py_ssize_t count) noexcept:
    """Convert a length; -1 if it is malformed. A length far beyond every limit becomes another such length."""
    cdef Py_ssize_t value = 0
    cdef Py_ssize_t i
    if count == 0 or digits(text, count) != count:
        return -1
    for i in range(count):
        value = value * 10 + (text[i] - c"0")
        if value > PY_SSIZE_T_MAX // 64:
            return PY_SSIZE_T_MAX // 4 + 1
    return value


cdef inline Py_ssize_t line_end(Input *self, Py_ssize_t longest) noexcept:
    """Return the length of the next line, CRLF included; 0 if it is incomplete; NO_LINE_END if its end is malformed."""
    cdef const char *text = self.data + self.pos
    cdef Py_ssize_t available = self.end - self.pos
    cdef Py_ssize_t window = min(available, longest + 1)
    cdef Py_ssize_t end
    cdef const char *found = <const char *>memchr(text + self.scanned, c"\r", window - self.scanned)
    end = found - text if found != NULL else window
    if memchr(text + self.scanned, c"\n", end - self.scanned) == NULL:
        if found == NULL:
            if available <= longest:
                self.scanned = end
                return 0
        elif end + 1 == available:
            self.scanned = end
            return 0
        elif text[end + 1] == c"\n":
            return end + 2
    return NO_LINE_END


cdef inline Py_ssize_t whole_bulk(Input *self, Py_ssize_t *start) noexcept:
    """Return the length of a complete bulk string at pos, and store the index of its first byte; else return -1."""
    cdef const char *text = self.data + self.pos
    cdef Py_ssize_t available = self.end - self.pos
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t i = 1
    if available < 6 or text[0] != c"$":
        return -1
    # At most 9 digits. The 4 bytes after the digits must be buffered, because they are read below.
    available = min(available - 4, 10)
    while i < available and is_digit(text[i]):
        size = size * 10 + (text[i] - c"0")
        i += 1
    text += i
    if (
        self.end - self.pos - i < size + 4 or i == 1 or size > self.max_bulk or i > self.max_line
        or text[0] != c"\r" or text[1] != c"\n" or text[size + 2] != c"\r" or text[size + 3] != c"\n"
    ):
        return -1
    start[0] = self.pos + i + 2
    return size


cdef inline Py_ssize_t line_of_double(Input *self, Py_ssize_t begin) noexcept:
    """Return the length of a complete line of a double at ``begin`` without its CRLF; else return -1.

    Only the type byte and the end of the line are checked. Longer lines than doubles have are left out.
    """
    cdef const char *text = self.data + begin
    cdef Py_ssize_t most = min(self.end - begin - 1, min(self.max_line + 1, MAX_DOUBLE_LINE))
    cdef Py_ssize_t i = 1
    if most < 3 or text[0] != c",":
        return -1
    while i < most and text[i] != c"\r":
        i += 1
    return i if i < most and text[i + 1] == c"\n" else -1


cdef inline Py_ssize_t whole_scored(
    Input *self, Py_ssize_t *start, Py_ssize_t *score, Py_ssize_t *score_size
) noexcept:
    """Find a complete array of a bulk string and a double at pos, as RESP3 has a member and its score.

    :returns: as :func:`whole_bulk`; ``score`` and ``score_size`` are of the double's line, type byte included.
    """
    cdef Py_ssize_t begin = self.pos
    cdef Py_ssize_t size
    if self.end - begin < 13 or self.max_line < 2 or memcmp(self.data + begin, b"*2\r\n$", 5) != 0:
        return -1
    self.pos += 4
    size = whole_bulk(self, start)
    self.pos = begin
    if size < 0:
        return -1
    score[0] = start[0] + size + 2
    score_size[0] = line_of_double(self, score[0])
    return size if score_size[0] > 0 else -1


cdef inline bint is_message(const char *text) noexcept:
    """As ``memcmp(text, "$7\\r\\nmessage\\r\\n", 13) == 0``, without a call."""
    cdef uint64_t words[2]
    cdef uint64_t wanted[2]
    memcpy(&words[0], text, 8)
    memcpy(&words[1], text + 5, 8)
    memcpy(&wanted[0], b"$7\r\nmess", 8)
    memcpy(&wanted[1], b"essage\r\n", 8)
    return words[0] == wanted[0] and words[1] == wanted[1]


cdef inline int find_message(
    Input *self, char kind, Py_ssize_t *starts, Py_ssize_t *sizes, Py_ssize_t *end
) noexcept:
    """Find a complete published message at pos.

    :returns: the number of strings before the message (1: channel; 2: pattern, channel); 0 for anything else.
    """
    cdef const char *text = self.data + self.pos
    cdef Py_ssize_t begin = self.pos
    cdef Py_ssize_t size = 0
    cdef int names = 1
    cdef int i
    if (
        self.end - begin < 18 or text[0] != kind or text[2] != c"\r" or text[3] != c"\n"
        or self.max_bulk < 8 or self.max_elements < 4 or self.max_line < 2
    ):
        return 0
    if text[1] == c"3":
        if is_message(text + 4):
            self.pos += 17
        elif memcmp(text + 4, b"$8\r\nsmessage\r\n", 14) == 0:
            self.pos += 18
        else:
            return 0
    elif text[1] == c"4" and memcmp(text + 4, b"$8\r\npmessage\r\n", 14) == 0:
        self.pos += 18
        names = 2
    else:
        return 0
    for i in range(names + 1):
        size = whole_bulk(self, starts + i)
        if size < 0:
            break
        sizes[i] = size
        self.pos = starts[i] + size + 2
    end[0] = self.pos
    self.pos = begin
    return 0 if size < 0 else names
