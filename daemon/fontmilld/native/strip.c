/* Blur, noise and what is measured of them, for pictures that lie ready in memory; render/strip.py is its equal.

   A row of the result is made in one go, so that all it needs stays in the cache nearest to the processor. Blurred values
   are 1/64 of a code, rounded half to even from an exact sum; noise is added to those, and the result rounded half up. */

#include "buffers.h"
#include "noise.h"

enum { BLOCK = 32, WHOLE = 256, SHIFT = 6, LONGEST = 32767, MOST_RADIUS = 4096 };

/* What pictures have in common. Lengths are in values: pixels times channels. `taps` are from the middle outwards. */
typedef struct {
    Py_ssize_t rows, row, height, length, margin, channels, radius;
    const uint16_t *taps;
    const int16_t *pool;
} Frame;

/* Sums over one picture, of which the ratios are made: see metrics.py. */
typedef struct {
    uint64_t apart, power, total, squares;
} Sums;

/* Rows under way, each with BLOCK values to spare: `low` and `high` are the bytes of what is blurred downwards, `fine` is
   the blurred row and `flat` one without ink; `paper` and `inked` are rows of a scene. */
typedef struct {
    uint16_t *low, *high;
    int16_t *fine, *flat;
    uint8_t *paper, *inked;
} Work;

/* Where a blurred picture may differ from paper: rows `top` to `bottom`, values `left` to `right` in whole blocks. */
typedef struct {
    Py_ssize_t top, bottom, left, right;
} Box;

static inline Py_ssize_t at_least(Py_ssize_t value, Py_ssize_t least)
{
    return value < least ? least : value;
}

static inline Py_ssize_t at_most(Py_ssize_t value, Py_ssize_t most)
{
    return value > most ? most : value;
}

/* Paper is what the first pixel is. Its blur is itself, so that only what is near to something else need be summed. */
static inline __attribute__((always_inline)) Box box_of(const Frame *frame, const Work *work, const uint8_t *scene)
{
    const Py_ssize_t row = frame->row, reach = frame->radius;
    uint8_t *restrict paper = work->paper, *restrict inked = work->inked;
    Py_ssize_t first = frame->rows, last = 0, left = 0, right = row;
    for (Py_ssize_t i = 0; i < row; i++) {
        paper[i] = scene[i % frame->channels];
        inked[i] = 0;
    }
    for (Py_ssize_t i = 0; i < frame->length; i++)
        work->flat[i] = (int16_t)(paper[i] << SHIFT);
    for (Py_ssize_t y = 0; y < frame->rows; y++) {
        const uint8_t *from = scene + y * row;
        uint8_t other = 0;
        for (Py_ssize_t i = 0; i < row; i++) {
            uint8_t off = from[i] ^ paper[i];
            inked[i] |= off;
            other |= off;
        }
        if (other) {
            first = at_most(first, y);
            last = y + 1;
        }
    }
    while (left < row && !inked[left])
        left++;
    while (right > left && !inked[right - 1])
        right--;
    left -= (frame->margin + reach) * frame->channels;
    right -= (frame->margin - reach) * frame->channels;
    return (Box){
        first - frame->margin - reach, last - frame->margin + reach,
        at_least(left, 0) / BLOCK * BLOCK, at_most((right + BLOCK - 1) / BLOCK * BLOCK, frame->length),
    };
}

static inline __attribute__((always_inline)) void
down_block(const uint8_t *from, const Frame *frame, Py_ssize_t count, uint16_t *restrict low, uint16_t *restrict high)
{
    uint16_t sum[BLOCK], tap = frame->taps[0];
    for (Py_ssize_t i = 0; i < count; i++)
        sum[i] = (uint16_t)(tap * from[i]);
    for (Py_ssize_t k = 1; k <= frame->radius; k++) {
        const uint8_t *above = from - k * frame->row, *below = from + k * frame->row;
        tap = frame->taps[k];
        for (Py_ssize_t i = 0; i < count; i++)
            sum[i] = (uint16_t)(sum[i] + (uint16_t)(tap * (uint16_t)(above[i] + below[i])));
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        low[i] = sum[i] & 255;
        high[i] = sum[i] >> 8;
    }
}

/* Blurs a row of a scene downwards, values `at` to `end`: `from` is its first, sums fit 16 bits as the taps sum to 256. */
static inline __attribute__((always_inline)) void
down(const uint8_t *from, const Frame *frame, const Work *work, Py_ssize_t at, Py_ssize_t end)
{
    for (; at + BLOCK <= end; at += BLOCK)
        down_block(from + at, frame, BLOCK, work->low + at, work->high + at);
    if (at >= end)
        return;
    /* What is left ends a last whole block, if there is room for one. */
    if (end >= BLOCK)
        down_block(from + end - BLOCK, frame, BLOCK, work->low + end - BLOCK, work->high + end - BLOCK);
    else
        down_block(from, frame, end, work->low, work->high);
}

/* Blurs across what `down` left, the two bytes apart, and rounds to 1/64 code; whole blocks from `at` on. */
static inline __attribute__((always_inline)) void across(const Frame *frame, const Work *work, Py_ssize_t at, Py_ssize_t end)
{
    for (; at < end; at += BLOCK) {
        const uint16_t *low = work->low + frame->margin * frame->channels + at;
        const uint16_t *high = work->high + frame->margin * frame->channels + at;
        uint16_t fine[BLOCK], coarse[BLOCK], tap = frame->taps[0];
        for (int i = 0; i < BLOCK; i++) {
            fine[i] = (uint16_t)(tap * low[i]);
            coarse[i] = (uint16_t)(tap * high[i]);
        }
        for (Py_ssize_t k = 1; k <= frame->radius; k++) {
            const Py_ssize_t step = k * frame->channels;
            tap = frame->taps[k];
            for (int i = 0; i < BLOCK; i++) {
                fine[i] = (uint16_t)(fine[i] + (uint16_t)(tap * (uint16_t)(low[i - step] + low[i + step])));
                coarse[i] = (uint16_t)(coarse[i] + (uint16_t)(tap * (uint16_t)(high[i - step] + high[i + step])));
            }
        }
        for (int i = 0; i < BLOCK; i++) {
            /* The sum is 256 top + (fine & 255); ten bits of it go. */
            uint16_t top = (uint16_t)(coarse[i] + (fine[i] >> 8));
            uint16_t whole = top >> 2, rest = (uint16_t)((top & 3) << 8 | (fine[i] & 255));
            work->fine[at + i] = (int16_t)(whole + ((uint16_t)(rest + 511 + (whole & 1)) >> 10));
        }
    }
}

static inline __attribute__((always_inline)) void
add_noise(const int16_t *restrict fine, const int16_t *restrict deviates, int gain, Py_ssize_t length, uint8_t *restrict noisy)
{
    for (Py_ssize_t i = 0; i < length; i++) {
        int16_t added = (int16_t)((deviates[i] * gain + (1 << 14)) >> 15);
        int16_t code = (int16_t)((int16_t)(fine[i] + added + (1 << (SHIFT - 1))) >> SHIFT);
        code = code < 0 ? 0 : code;
        noisy[i] = (uint8_t)(code > 255 ? 255 : code);
    }
}

/* A blurred value is 64 whole + part; products of these leave room for the sums of a row in 32 bits. */
static inline __attribute__((always_inline)) void
measure(const uint8_t *restrict clear, const int16_t *restrict fine, const uint8_t *restrict noisy, Py_ssize_t length, Sums *sums)
{
    int32_t apart = 0, total = 0, whole2 = 0, mixed = 0, part2 = 0, gap2 = 0, crossed = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        int16_t whole = fine[i] >> SHIFT, part = fine[i] & ((1 << SHIFT) - 1);
        int16_t gap = (int16_t)(whole - noisy[i]), off = (int16_t)(clear[i] - noisy[i]);
        apart += off * off;
        total += fine[i];
        whole2 += whole * whole;
        mixed += whole * part;
        part2 += part * part;
        gap2 += gap * gap;
        crossed += gap * part;
    }
    sums->apart += (uint64_t)apart;
    sums->total += (uint64_t)total;
    sums->squares += 4096 * (uint64_t)whole2 + 128 * (uint64_t)mixed + (uint64_t)part2;
    sums->power += (uint64_t)(4096 * (int64_t)gap2 + 128 * (int64_t)crossed + part2);
}

FM_WIDE static void
one(const Frame *frame, const Work *work, const uint8_t *scene, const uint32_t *starts, int gain, uint8_t *clear, uint8_t *blurred, Sums *sums)
{
    const Box box = box_of(frame, work, scene);
    const Py_ssize_t side = frame->margin * frame->channels, reach = frame->radius * frame->channels;
    memcpy(work->fine, work->flat, (size_t)frame->length * sizeof *work->fine);
    for (Py_ssize_t y = 0; y < frame->height; y++) {
        const uint8_t *from = scene + (frame->margin + y) * frame->row;
        const int16_t *fine = work->flat;
        clear[0] = blurred[0] = 0;
        memcpy(clear + 1, from + side, (size_t)frame->length);
        if (y >= box.top && y < box.bottom && box.left < box.right) {
            down(from, frame, work, side + box.left - reach, side + box.right + reach);
            across(frame, work, box.left, box.right);
            fine = work->fine;
        }
        add_noise(fine, frame->pool + starts[y] + 1, gain, frame->length, blurred + 1);
        measure(clear + 1, fine, blurred + 1, frame->length, sums);
        clear += 1 + frame->length;
        blurred += 1 + frame->length;
    }
}

/* One call: what its pictures have in common, the buffers of all of them, and where the results go. */
typedef struct {
    Frame frame;
    Work work;
    uint32_t *starts;
    uint32_t span;
    uint8_t *clear, *blurred;
    PyObject *scenes, *seeds, *gains;
} Job;

static PyObject *degraded(const Job *job, Py_ssize_t number)
{
    const Frame *frame = &job->frame;
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
    Sums sums = {0, 0, 0, 0};
    fm_noise_starts(seed, job->span, frame->height, job->starts);
    one(frame, &job->work, scene.buf, job->starts, (int)gain, job->clear + number * size, job->blurred + number * size, &sums);
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
    const Frame *frame = &job->frame;
    /* What lies past a row is blurred along with its last block, and not used. */
    const size_t wide = (size_t)(frame->row + 2 * BLOCK);
    uint16_t *rows = PyMem_Calloc(5 * wide, sizeof *rows);
    job->starts = PyMem_Calloc((size_t)frame->height, sizeof *job->starts);
    PyObject *found = NULL;
    if (rows && job->starts) {
        int16_t *fine = (int16_t *)(rows + 2 * wide);
        uint8_t *bytes = (uint8_t *)(rows + 4 * wide);
        job->work = (Work){rows, rows + wide, fine, fine + wide, bytes, bytes + wide};
        found = all(job);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(rows);
    PyMem_Free(job->starts);
    return found;
}

static int taps_fit(const Frame *frame)
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
static int frame_of(Frame *frame, Py_ssize_t rows, Py_ssize_t cols, Py_ssize_t channels, Py_ssize_t margin)
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
    Frame *frame = &job->frame;
    const Py_ssize_t values = views[POOL].len / 2;
    frame->radius = views[TAPS].len / 2 - 1;
    if (frame->radius < 0 || frame->radius > frame->margin || frame->radius > MOST_RADIUS)
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
