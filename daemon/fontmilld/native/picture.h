/* Arrays from Python, checked: pictures of rows, columns and perhaps channels, and vectors. */

#ifndef FONTMILL_PICTURE_H
#define FONTMILL_PICTURE_H

#include "core.h"

typedef struct {
    Py_buffer buffer;
    void *data;
    Py_ssize_t rows, cols, channels;
    /* Bytes from row to row; within a row values lie side by side. */
    Py_ssize_t stride, itemsize;
    /* Rows lie side by side, too. */
    int packed;
} FmPicture;

typedef struct {
    Py_buffer buffer;
    void *data;
    Py_ssize_t count;
} FmVector;

/* Take (rows, cols[, channels]) of one of the struct module's `formats`; 0, or -1 with an exception set. */
int fm_picture(FmPicture *picture, PyObject *object, const char *formats, int writable);

/* Take contiguous values of any shape; for None `data` stays NULL. */
int fm_vector(FmVector *vector, PyObject *object, char format);

/* Take contiguous memory of `items` (or, if negative, any number of) values of `size` bytes each, whatever their format. On
   failure -1, with an exception set, and then there is nothing to release. */
int fm_take(PyObject *object, Py_buffer *view, Py_ssize_t size, Py_ssize_t items, int writable, const char *name);

/* Release buffers, those never taken too; NULL ends the list. */
void fm_release(Py_buffer *first, ...);

#endif
