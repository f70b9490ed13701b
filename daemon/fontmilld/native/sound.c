/* Which files of a folder hold what their labels say, read from the storage. The caller looks closer at the others. */

#include "sha256.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 256, BUFFER = 1 << 17, OPEN = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };

typedef struct {
    const char *name;
    long long size;
    uint8_t digest[FM_SHA256_BYTES];
    int fd;
} File;

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int digest_of(const char *hex, Py_ssize_t length, uint8_t *digest)
{
    if (length != 2 * FM_SHA256_BYTES)
        return -1;
    for (int n = 0; n < FM_SHA256_BYTES; n++) {
        const int high = hex_value(hex[2 * n]), low = hex_value(hex[2 * n + 1]);
        if (high < 0 || low < 0)
            return -1;
        digest[n] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int read_file(PyObject *item, File *file)
{
    const char *hex;
    Py_ssize_t length;
    if (!PyTuple_Check(item)) {
        PyErr_SetString(PyExc_ValueError, "a file is a tuple of name, size and digest");
        return -1;
    }
    if (!PyArg_ParseTuple(item, "sLs#", &file->name, &file->size, &hex, &length))
        return -1;
    if (!*file->name || strchr(file->name, '/') || file->size < 0 || digest_of(hex, length, file->digest) < 0) {
        PyErr_SetString(PyExc_ValueError, "a file has a name within its folder, a size and a digest of 64 hex digits");
        return -1;
    }
    return 0;
}

/* Open it, have the kernel forget its copy, and begin to read it anew, so that the storage has many to answer at a time. */
static void begin(int folder, File *file)
{
    struct stat info;
    file->fd = openat(folder, file->name, OPEN);
    if (file->fd < 0)
        return;
    if (fstat(file->fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size != file->size) {
        close(file->fd);
        file->fd = -1;
        return;
    }
    /* Advice only: a file system that does not know it still serves reads. */
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
    (void)posix_fadvise(file->fd, 0, 0, POSIX_FADV_WILLNEED);
}

/* Whether an open file holds the bytes; closes it. */
static int holds(const File *file, uint8_t *buffer)
{
    uint8_t digest[FM_SHA256_BYTES];
    FmSha256 sum;
    long long left = file->size;
    fm_sha256_begin(&sum);
    while (left > 0) {
        const ssize_t came = read(file->fd, buffer, left < BUFFER ? (size_t)left : BUFFER);
        if (came <= 0)
            break;
        fm_sha256_add(&sum, buffer, (size_t)came);
        left -= came;
    }
    close(file->fd);
    fm_sha256_end(&sum, digest);
    return left == 0 && memcmp(digest, file->digest, sizeof digest) == 0;
}

static PyObject *flags_of(int folder, PyObject *items)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(items);
    File files[MOST_FILES];
    if (count > MOST_FILES)
        return PyErr_Format(PyExc_ValueError, "at most %d files at a time", MOST_FILES);
    for (Py_ssize_t n = 0; n < count; n++)
        if (read_file(PyTuple_GET_ITEM(items, n), files + n) < 0)
            return NULL;
    PyObject *found = PyBytes_FromStringAndSize(NULL, count);
    uint8_t *buffer = PyMem_Malloc(BUFFER);
    if (!found || !buffer) {
        PyMem_Free(buffer);
        Py_XDECREF(found);
        return PyErr_NoMemory();
    }
    char *flags = PyBytes_AS_STRING(found);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t n = 0; n < count; n++)
        begin(folder, files + n);
    for (Py_ssize_t n = 0; n < count; n++)
        flags[n] = (char)(files[n].fd >= 0 && holds(files + n, buffer));
    Py_END_ALLOW_THREADS
    PyMem_Free(buffer);
    return found;
}

static PyObject *sound_files(PyObject *Py_UNUSED(module), PyObject *args)
{
    int folder;
    PyObject *given;
    if (!PyArg_ParseTuple(args, "iO", &folder, &given))
        return NULL;
    PyObject *items = PySequence_Tuple(given); /* ours alone while others run */
    if (!items)
        return NULL;
    PyObject *flags = flags_of(folder, items);
    Py_DECREF(items);
    return flags;
}

static PyMethodDef functions[] = {
    {"sound_files", sound_files, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_sound(PyObject *module)
{
    fm_sha256_choose();
    return PyModule_AddFunctions(module, functions);
}
