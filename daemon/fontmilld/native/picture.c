/* Arrays from Python, checked. */

#include "picture.h"

#include <stdarg.h>

static int has_format(const Py_buffer *buffer, const char *formats)
{
    const char *format = buffer->format ? buffer->format : "B";
    return format[0] && !format[1] && strchr(formats, format[0]);
}

static int is_aligned(const Py_buffer *buffer)
{
    return (uintptr_t)buffer->buf % (size_t)buffer->itemsize == 0;
}

static int refuse(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

int fm_picture(FmPicture *picture, PyObject *object, const char *formats, int writable)
{
    Py_buffer *buffer = &picture->buffer;
    if (PyObject_GetBuffer(object, buffer, writable ? PyBUF_RECORDS : PyBUF_RECORDS_RO) < 0)
        return -1;
    if (!has_format(buffer, formats) || buffer->ndim < 2 || buffer->ndim > 3)
        return refuse("not a picture of the type wanted");
    picture->data = buffer->buf;
    picture->itemsize = buffer->itemsize;
    picture->rows = buffer->shape[0];
    picture->cols = buffer->shape[1];
    picture->channels = buffer->ndim == 3 ? buffer->shape[2] : 1;
    picture->stride = buffer->strides[0];
    if (picture->rows < 1 || picture->cols < 1 || picture->channels < 1 || picture->channels > 4)
        return refuse("a picture without pixels, or of too many channels");
    if (buffer->strides[1] != picture->channels * buffer->itemsize || buffer->strides[buffer->ndim - 1] != buffer->itemsize)
        return refuse("a picture whose values do not lie side by side");
    if (!is_aligned(buffer) || picture->stride % buffer->itemsize != 0)
        return refuse("a picture whose values are not aligned");
    picture->packed = picture->stride == picture->cols * picture->channels * buffer->itemsize;
    return 0;
}

int fm_vector(FmVector *vector, PyObject *object, char format)
{
    const char formats[2] = {format, 0};
    if (object == Py_None)
        return 0;
    if (PyObject_GetBuffer(object, &vector->buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        return -1;
    if (!has_format(&vector->buffer, formats) || !is_aligned(&vector->buffer))
        return refuse("not aligned values of the type wanted");
    vector->data = vector->buffer.buf;
    vector->count = vector->buffer.len / vector->buffer.itemsize;
    return 0;
}

int fm_take(PyObject *object, Py_buffer *view, Py_ssize_t size, Py_ssize_t items, int writable, const char *name)
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

void fm_release(Py_buffer *first, ...)
{
    va_list rest;
    va_start(rest, first);
    for (Py_buffer *buffer = first; buffer; buffer = va_arg(rest, Py_buffer *))
        PyBuffer_Release(buffer);
    va_end(rest);
}
