/* PNG files of pictures of text: `png`. */

#include "png.h"

enum { SIGNATURE = 8, CHUNK = 12, HEADER = 13, MOST_BYTES = 1 << 30, FARTHEST = 32768 };

static uint8_t *put_number(uint8_t *out, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *out++ = (uint8_t)(number >> shift);
    return out;
}

/* Put length and checksum around a chunk whose name and content lie from `begin` + 4 to `end`; returns its end. */
static uint8_t *close_chunk(uint8_t *begin, uint8_t *end)
{
    put_number(begin, (uint32_t)(end - begin - 8));
    return put_number(end, fm_crc32(0, begin + 4, (size_t)(end - begin - 4)));
}

static uint8_t *put_header(uint8_t *out, uint32_t width, uint32_t height, size_t channels)
{
    memcpy(out, "\x89PNG\r\n\x1a\n", SIGNATURE);
    uint8_t *begin = out + SIGNATURE, *end = begin + 8;
    memcpy(begin + 4, "IHDR", 4);
    end = put_number(put_number(end, width), height);
    const uint8_t rest[5] = {8, channels == 3 ? 2 : 0, 0, 0, 0};
    memcpy(end, rest, sizeof rest);
    return close_chunk(begin, end + sizeof rest);
}

/* Write the file; `room` has place for the filtered rows and, before them, for the tokens. Returns the end. */
static uint8_t *put_file(const Py_buffer *rows, size_t channels, uint8_t *room, uint8_t *out)
{
    size_t length = (size_t)rows->shape[1], size = (size_t)rows->len;
    fm_token *tokens = (fm_token *)room;
    fm_rows given = {rows->buf, size, {channels, length <= FARTHEST ? length : 0}};
    if (fm_paeth_pays(rows->buf, size, length, channels)) {
        uint8_t *filtered = room + FM_TOKENS * sizeof(fm_token);
        fm_paeth(rows->buf, (size_t)rows->shape[0], length, channels, filtered);
        given.data = filtered;
        given.distances[0] = 1;
    }
    out = put_header(out, (uint32_t)((length - 1) / channels), (uint32_t)rows->shape[0], channels);
    memcpy(out + 4, "IDAT", 4);
    out = close_chunk(out, fm_deflate(&given, tokens, out + 8));
    memcpy(out + 4, "IEND", 4);
    return close_chunk(out, out + 8);
}

static const char *fault(const Py_buffer *rows, int channels)
{
    if (rows->itemsize != 1 || rows->ndim != 2)
        return "rows: not bytes in two dimensions";
    if (channels != 1 && channels != 3)
        return "channels: neither 1 nor 3";
    if (rows->shape[0] < 1 || rows->shape[1] < 1 + channels || (rows->shape[1] - 1) % channels)
        return "rows: no whole pixels after the filter byte";
    if (rows->len > MOST_BYTES)
        return "rows: too large for one PNG chunk";
    for (Py_ssize_t row = 0; row < rows->shape[0]; row++)
        if (((const uint8_t *)rows->buf)[row * rows->shape[1]])
            return "rows: already filtered";
    return NULL;
}

static PyObject *made(const Py_buffer *rows, size_t channels)
{
    size_t size = (size_t)rows->len;
    uint8_t *room = PyMem_Malloc(FM_TOKENS * sizeof(fm_token) + size);
    if (room == NULL)
        return PyErr_NoMemory();
    Py_ssize_t most = (Py_ssize_t)(SIGNATURE + 3 * CHUNK + HEADER + fm_deflate_bound(size));
    PyObject *file = PyBytes_FromStringAndSize(NULL, most);
    if (file != NULL) {
        uint8_t *begin = (uint8_t *)PyBytes_AS_STRING(file);
        _PyBytes_Resize(&file, put_file(rows, channels, room, begin) - begin);
    }
    PyMem_Free(room);
    return file;
}

static PyObject *png(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer rows;
    PyObject *given, *file = NULL;
    int channels;
    if (!PyArg_ParseTuple(args, "Oi:png", &given, &channels))
        return NULL;
    if (PyObject_GetBuffer(given, &rows, PyBUF_ND | PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    const char *wrong = fault(&rows, channels);
    if (wrong)
        PyErr_SetString(PyExc_ValueError, wrong);
    else
        file = made(&rows, (size_t)channels);
    PyBuffer_Release(&rows);
    return file;
}

static PyMethodDef methods[] = {
    {"png", png, METH_VARARGS, "png(rows, channels): a PNG file of rows as encode.lines makes them."},
    {NULL, NULL, 0, NULL},
};

int fm_add_png(PyObject *module)
{
    fm_crc32_tables();
    return PyModule_AddFunctions(module, methods);
}
