/* Memory that Python lends: what is taken has the size, the items and the alignment that C code counts on. */

#ifndef FONTMILL_BUFFERS_H
#define FONTMILL_BUFFERS_H

#include "core.h"

/* Fills `view` with contiguous memory of `items` (or, if negative, any number) values of `size` bytes each;
   0, or -1 with ValueError, BufferError or TypeError set, and then there is nothing to release. */
static inline int fm_take(PyObject *object, Py_buffer *view, Py_ssize_t size, Py_ssize_t items, int writable, const char *name)
{
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0)) < 0)
        return -1;
    if (view->itemsize != size || (uintptr_t)view->buf % (size_t)size != 0) {
        PyErr_Format(PyExc_ValueError, "%s must be aligned values of %zd bytes", name, size);
    } else if (items >= 0 && view->len != items * size) {
        PyErr_Format(PyExc_ValueError, "%s must have %zd values, not %zd", name, items, view->len / size);
    } else {
        return 0;
    }
    PyBuffer_Release(view);
    return -1;
}

#endif
