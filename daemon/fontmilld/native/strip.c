/* Pictures that lie ready in memory, blurred, with noise, and measured; render/strip.py is its equal. */

#include "noise.h"
#include "picture.h"
#include "rows.h"

enum { WHOLE = 256, LONGEST = 32767 };

/* One call: what its pictures have in common, the buffers of all of them, and where the results go. */
typedef struct {
    FmFrame frame;
    FmWork work;
    uint32_t *starts;
    uint32_t span;
    uint8_t *clear, *blurred;
    PyObject *scenes, *seeds, *gains;
} Job;

static PyObject *degraded(const Job *job, Py_ssize_t number)
{
    const FmFrame *frame = &job->frame;
    const Py_ssize_t size = frame->height * (1 + frame->length);
    const uint64_t seed = PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(job->seeds, number));
    if (PyErr_Occurred())
        return NULL;
    const long gain = PyLong_AsLong(PySequence_Fast_GET_ITEM(job->gains, number));
    if (PyErr_Occurred())
        return NULL;
    if (gain < 0 || gain > INT16_MAX)
        return PyErr_Format(PyExc_ValueError, "a gain of %ld is not in 0..32767", gain);
    Py_buffer scene;
    if (fm_take(PySequence_Fast_GET_ITEM(job->scenes, number), &scene, 1, frame->rows * frame->row, 0, "a scene") < 0)
        return NULL;
    FmSums sums = {0, 0, 0, 0};
    fm_noise_starts(seed, job->span, frame->height, job->starts);
    fm_rows_degrade(frame, &job->work, scene.buf, job->starts, (int)gain, job->clear + number * size, job->blurred + number * size, &sums);
    PyBuffer_Release(&scene);
    return Py_BuildValue("KKKK", (unsigned long long)sums.apart, (unsigned long long)sums.power,
                         (unsigned long long)sums.total, (unsigned long long)sums.squares);
}

static PyObject *all(const Job *job)
{
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(job->scenes);
    PyObject *found = PyList_New(count);
    for (Py_ssize_t number = 0; found && number < count; number++) {
        PyObject *sums = degraded(job, number);
        if (sums)
            PyList_SET_ITEM(found, number, sums);
        else
            Py_CLEAR(found);
    }
    return found;
}

static PyObject *with_work(Job *job)
{
    const FmFrame *frame = &job->frame;
    const size_t wide = (size_t)(frame->row + FM_ROWS_SPARE);
    uint16_t *rows = PyMem_Calloc(5 * wide, sizeof *rows);
    job->starts = PyMem_Calloc((size_t)frame->height, sizeof *job->starts);
    PyObject *found = NULL;
    if (rows && job->starts) {
        int16_t *fine = (int16_t *)(rows + 2 * wide);
        uint8_t *bytes = (uint8_t *)(rows + 4 * wide);
        job->work = (FmWork){rows, rows + wide, fine, fine + wide, bytes, bytes + wide};
        found = all(job);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(rows);
    PyMem_Free(job->starts);
    return found;
}

static int taps_fit(const FmFrame *frame)
{
    int total = frame->taps[0];
    for (Py_ssize_t k = 1; k <= frame->radius; k++)
        total += 2 * frame->taps[k];
    if (total == WHOLE)
        return 1;
    PyErr_Format(PyExc_ValueError, "the taps sum to %d, not to %d", total, WHOLE);
    return 0;
}

/* Fills the frame but for its taps and pool; 0, or -1 with ValueError set. */
static int frame_of(FmFrame *frame, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t channels, Py_ssize_t margin)
{
    if (rows < 1 || cols < 1 || channels < 1 || rows > LONGEST || cols > LONGEST || channels > LONGEST / cols || margin < 0
        || margin > (rows - 1) / 2 || margin > (cols - 1) / 2) {
        PyErr_Format(PyExc_ValueError, "no pictures of %zd x %zd x %zd with margins of %zd", rows, cols, channels, margin);
        return -1;
    }
    frame->rows = rows, frame->row = cols * channels, frame->channels = channels, frame->margin = margin;
    frame->height = rows - 2 * margin, frame->length = (cols - 2 * margin) * channels;
    return 0;
}

enum { TAPS, POOL, CLEAR, BLURRED, BUFFERS };

static int take_all(PyObject *const *objects, Py_buffer *views, Job *job)
{
    const Py_ssize_t size = PySequence_Fast_GET_SIZE(job->scenes) * job->frame.height * (1 + job->frame.length);
    static const struct { Py_ssize_t size; const char *name; } wanted[BUFFERS] = {{2, "taps"}, {2, "pool"}, {1, "clear"}, {1, "blurred"}};
    for (int n = 0; n < BUFFERS; n++)
        if (fm_take(objects[n], &views[n], wanted[n].size, n < CLEAR ? -1 : size, n >= CLEAR, wanted[n].name) < 0) {
            while (n--)
                PyBuffer_Release(&views[n]);
            return -1;
        }
    return 0;
}

static PyObject *checked(Job *job, const Py_buffer *views)
{
    FmFrame *frame = &job->frame;
    const Py_ssize_t values = views[POOL].len / 2;
    frame->radius = views[TAPS].len / 2 - 1;
    if (frame->radius < 0 || frame->radius > frame->margin)
        return PyErr_Format(PyExc_ValueError, "%zd taps do not fit a margin of %zd", frame->radius + 1, frame->margin);
    /* One value more than a row has, as its filter byte stands in the field too. */
    if (values <= frame->length + 1 || values > UINT32_MAX)
        return PyErr_Format(PyExc_ValueError, "a pool of %zd values has no rows of %zd", values, frame->length + 1);
    frame->taps = views[TAPS].buf;
    frame->pool = views[POOL].buf;
    job->span = (uint32_t)(values - frame->length - 1);
    job->clear = views[CLEAR].buf;
    job->blurred = views[BLURRED].buf;
    return taps_fit(frame) ? with_work(job) : NULL;
}

static PyObject *with_lists(Job *job, PyObject *const *objects)
{
    if (PySequence_Fast_GET_SIZE(job->seeds) != PySequence_Fast_GET_SIZE(job->scenes)
        || PySequence_Fast_GET_SIZE(job->gains) != PySequence_Fast_GET_SIZE(job->scenes))
        return PyErr_Format(PyExc_ValueError, "each scene needs one seed and one gain");
    Py_buffer views[BUFFERS];
    if (take_all(objects, views, job) < 0)
        return NULL;
    PyObject *found = checked(job, views);
    for (int n = 0; n < BUFFERS; n++)
        PyBuffer_Release(&views[n]);
    return found;
}

static PyObject *degrade_strip(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *scenes, *seeds, *gains, *objects[BUFFERS], *found = NULL;
    Py_ssize_t rows, cols, channels, margin;
    Job job = {0};
    if (!PyArg_ParseTuple(args, "OOO(nnn)nOOOO", &scenes, &seeds, &gains, &rows, &cols, &channels, &margin, &objects[TAPS],
                          &objects[POOL], &objects[CLEAR], &objects[BLURRED]))
        return NULL;
    if (frame_of(&job.frame, rows, cols, channels, margin) < 0)
        return NULL;
    job.scenes = PySequence_Tuple(scenes);
    job.seeds = job.scenes ? PySequence_Tuple(seeds) : NULL;
    job.gains = job.seeds ? PySequence_Tuple(gains) : NULL;
    if (job.gains)
        found = with_lists(&job, objects);
    Py_XDECREF(job.scenes);
    Py_XDECREF(job.seeds);
    Py_XDECREF(job.gains);
    return found;
}

static PyMethodDef functions[] = {
    {"degrade_strip", degrade_strip, METH_VARARGS, "See render/strip.py."},
    {NULL, NULL, 0, NULL},
};

int fm_add_strip(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
