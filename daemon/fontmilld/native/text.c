/* Blocks, and placing them: render/layout.py's extent and place, operation for operation, so that doubles are the same. */

#include "text.h"

#include <math.h>
#include <structmember.h>

/* Where the block goes: StyleSpec's size and origin, and, unless it is upright, layout._Turn's eye and axes. */
typedef struct {
    double scale, x, y, slant;
    int64_t grid;
    int is_turned;
    double eye, ax, ay, bx, by, cx, cy, middle_x, middle_y;
} placing;

static void corners_of(const fm_matrix *m, const int64_t box[4], double corners[4])
{
    double x = (double)(box[FM_LEFT] + box[FM_RIGHT]) / 2, y = (double)(box[FM_BOTTOM] + box[FM_TOP]) / 2;
    const double wide = (double)(box[FM_RIGHT] - box[FM_LEFT]) / 2, high = (double)(box[FM_TOP] - box[FM_BOTTOM]) / 2;
    const double at_x = m->xx * x + m->xy * y + m->x0, at_y = m->yx * x + m->yy * y + m->y0;
    const double across = fabs(m->xx) * wide + fabs(m->xy) * high, down = fabs(m->yx) * wide + fabs(m->yy) * high;
    corners[0] = at_x - across;
    corners[1] = at_y - down;
    corners[2] = at_x + across;
    corners[3] = at_y + down;
}

static int level(const placing *to, const fm_glyph *glyph, fm_matrix *m, double corners[4])
{
    const double scale = to->scale;
    double x0 = to->x + scale * (double)glyph->x, y0 = to->y - scale * (double)glyph->y;
    if (to->grid != 0) {
        const double grid = (double)to->grid;
        x0 = floor(x0 * grid + 0.5) / grid;
        y0 = floor(y0 * grid + 0.5) / grid;
    }
    corners[0] = x0 + scale * (double)glyph->box[FM_LEFT];
    corners[1] = y0 - scale * (double)glyph->box[FM_TOP];
    corners[2] = x0 + scale * (double)glyph->box[FM_RIGHT];
    corners[3] = y0 - scale * (double)glyph->box[FM_BOTTOM];
    *m = (fm_matrix){scale, 0.0, 0.0, -scale, x0, y0};
    return 0;
}

static int slanted(const placing *to, const fm_glyph *glyph, fm_matrix *m, double corners[4])
{
    const double scale = to->scale, slant = to->slant, x = (double)glyph->x, y = (double)glyph->y;
    *m = (fm_matrix){scale, 0.0, slant * scale, -scale, to->x + scale * (x + slant * y), to->y - scale * y};
    corners_of(m, glyph->box, corners);
    return 0;
}

static int turned(const placing *to, const fm_glyph *glyph, fm_matrix *m, double corners[4])
{
    const double slant = to->slant, scale = to->scale;
    const double at_x = (double)(glyph->box[FM_LEFT] + glyph->box[FM_RIGHT]) / 2;
    const double at_y = (double)(glyph->box[FM_BOTTOM] + glyph->box[FM_TOP]) / 2;
    const double px = (double)glyph->x + at_x + slant * ((double)glyph->y + at_y) - to->middle_x;
    const double py = (double)glyph->y + at_y - to->middle_y;
    const double flat_x = to->ax * px + to->ay * py, flat_y = to->bx * px + to->by * py;
    const double far = to->eye - (to->cx * px + to->cy * py);
    if (far == 0.0 || to->eye == 0.0) {
        PyErr_SetString(PyExc_ZeroDivisionError, "float division by zero");
        return -1;
    }
    const double near = to->eye / far, bend = near * near / to->eye;
    const double ux = near * to->ax + flat_x * bend * to->cx, uy = near * to->ay + flat_x * bend * to->cy;
    const double vx = near * to->bx + flat_y * bend * to->cx, vy = near * to->by + flat_y * bend * to->cy;
    const double xx = scale * ux, yx = -scale * vx;
    const double xy = scale * (uy + slant * ux), yy = -scale * (vy + slant * vx);
    const double mid_x = to->x + scale * (to->middle_x + near * flat_x);
    const double mid_y = to->y - scale * (to->middle_y + near * flat_y);
    *m = (fm_matrix){xx, yx, xy, yy, mid_x - xx * at_x - xy * at_y, mid_y - yx * at_x - yy * at_y};
    corners_of(m, glyph->box, corners);
    return 0;
}

/* Reads None or (eye, ax, ay, bx, by, cx, cy); -1 with an exception. */
static int read_turn(PyObject *turn, const fm_block *block, placing *to)
{
    to->is_turned = turn != Py_None;
    if (!to->is_turned)
        return 0;
    if (!PyTuple_Check(turn))
        PyErr_SetString(PyExc_TypeError, "a turn is None or a tuple");
    else if (PyArg_ParseTuple(turn, "ddddddd", &to->eye, &to->ax, &to->ay, &to->bx, &to->by, &to->cx, &to->cy)) {
        to->middle_y = (double)(block->ink[FM_BOTTOM] + block->ink[FM_TOP]) / 2;
        to->middle_x = (double)(block->ink[FM_LEFT] + block->ink[FM_RIGHT]) / 2 + to->slant * to->middle_y;
        return 0;
    }
    return -1;
}

static int lay(const placing *to, const fm_glyph *glyph, fm_matrix *m, double corners[4])
{
    int result = to->is_turned ? turned(to, glyph, m, corners)
                 : to->slant != 0.0 ? slanted(to, glyph, m, corners)
                                    : level(to, glyph, m, corners);
    if (result == 0 && !(isfinite(m->x0) && isfinite(m->y0))) {
        PyErr_SetString(PyExc_ValueError, "a glyph has no place");
        return -1;
    }
    return result;
}

static void unite(double have[4], const double more[4])
{
    have[0] = more[0] < have[0] ? more[0] : have[0];
    have[1] = more[1] < have[1] ? more[1] : have[1];
    have[2] = more[2] > have[2] ? more[2] : have[2];
    have[3] = more[3] > have[3] ? more[3] : have[3];
}

static PyObject *quadruple(const double corners[4])
{
    return Py_BuildValue("(dddd)", corners[0], corners[1], corners[2], corners[3]);
}

static PyObject *block_extent(fm_block *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "extent takes slant and turn");
        return NULL;
    }
    placing to = {.scale = 1.0 / FM_EM, .slant = PyFloat_AsDouble(args[0])};
    if (PyErr_Occurred() || read_turn(args[1], self, &to) < 0)
        return NULL;
    double found[4];
    if (!to.is_turned) {
        const double low = to.slant * (double)self->ink[FM_BOTTOM], high = to.slant * (double)self->ink[FM_TOP];
        found[0] = ((double)self->ink[FM_LEFT] + (high < low ? high : low)) / FM_EM;
        found[1] = (double)-self->ink[FM_TOP] / FM_EM;
        found[2] = ((double)self->ink[FM_RIGHT] + (high > low ? high : low)) / FM_EM;
        found[3] = (double)-self->ink[FM_BOTTOM] / FM_EM;
        return quadruple(found);
    }
    int any = 0;
    for (Py_ssize_t at = 0; at < self->count; at++) {
        fm_matrix m;
        double corners[4];
        if (!self->glyphs[at].has_ink)
            continue;
        if (turned(&to, &self->glyphs[at], &m, corners) < 0)
            return NULL;
        if (any)
            unite(found, corners);
        else
            memcpy(found, corners, sizeof found);
        any = 1;
    }
    if (!any) {
        PyErr_SetString(PyExc_ValueError, "the block has no ink");
        return NULL;
    }
    return quadruple(found);
}

/* Clusters come in the order of the picture: forwards, backwards, or mixed by the shaper. */
static int by_start(const void *one, const void *other)
{
    const int64_t a = ((const fm_cluster *)one)->start, b = ((const fm_cluster *)other)->start;
    return a < b ? -1 : a > b;
}

static void sort_clusters(fm_placed *placed)
{
    fm_cluster *all = placed->clusters;
    Py_ssize_t count = placed->cluster_count, kept = 0, at = 1;
    while (at < count && all[at - 1].start <= all[at].start)
        at++;
    if (at < count)
        qsort(all, (size_t)count, sizeof *all, by_start);
    for (at = 1; at < count; at++) {
        if (all[at].start == all[kept].start)
            unite(all[kept].corners, all[at].corners);
        else
            all[++kept] = all[at];
    }
    placed->cluster_count = count > 0 ? kept + 1 : 0;
}

static int place(const fm_block *block, fm_placed *placed, const placing *to, double margin)
{
    Py_ssize_t inked = 0;
    for (Py_ssize_t at = 0; at < block->count; at++)
        inked += block->glyphs[at].has_ink;
    if (inked == 0)
        return 0;
    placed->glyphs = PyMem_New(fm_drawn, inked);
    placed->clusters = PyMem_New(fm_cluster, inked);
    if (placed->glyphs == NULL || placed->clusters == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < block->count; at++) {
        const fm_glyph *glyph = &block->glyphs[at];
        if (!glyph->has_ink)
            continue;
        fm_drawn *drawn = &placed->glyphs[placed->count++];
        fm_cluster *last = placed->cluster_count > 0 ? &placed->clusters[placed->cluster_count - 1] : NULL;
        double corners[4];
        drawn->gid = glyph->gid;
        drawn->start = glyph->start;
        if (lay(to, glyph, &drawn->matrix, corners) < 0)
            return -1;
        drawn->matrix.x0 += margin;
        drawn->matrix.y0 += margin;
        if (last != NULL && last->start == glyph->start) {
            unite(last->corners, corners);
            continue;
        }
        fm_cluster *cluster = &placed->clusters[placed->cluster_count++];
        cluster->start = glyph->start;
        memcpy(cluster->corners, corners, sizeof corners);
    }
    sort_clusters(placed);
    return 0;
}

static PyObject *block_place(fm_block *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 7) {
        PyErr_SetString(PyExc_TypeError, "place takes size, x, y, slant, grid, margin and turn");
        return NULL;
    }
    placing to = {.x = PyFloat_AsDouble(args[1]), .y = PyFloat_AsDouble(args[2]), .slant = PyFloat_AsDouble(args[3])};
    to.scale = PyFloat_AsDouble(args[0]) / FM_EM;
    to.grid = PyLong_AsLong(args[4]);
    const double margin = PyFloat_AsDouble(args[5]);
    if (PyErr_Occurred() || read_turn(args[6], self, &to) < 0)
        return NULL;
    fm_placed *placed = (fm_placed *)fm_placed_type.tp_alloc(&fm_placed_type, 0);
    if (placed != NULL && place(self, placed, &to, margin) < 0) {
        Py_DECREF(placed);
        return NULL;
    }
    return (PyObject *)placed;
}

static PyObject *block_glyphs(fm_block *self, void *unused)
{
    (void)unused;
    PyObject *all = PyTuple_New(self->count);
    for (Py_ssize_t at = 0; all != NULL && at < self->count; at++) {
        const fm_glyph *g = &self->glyphs[at];
        const long long x = g->x, y = g->y, start = g->start;
        PyObject *one = g->has_ink ? Py_BuildValue("(ILLL(LLLL))", g->gid, x, y, start, (long long)g->box[0], (long long)g->box[1],
                                                   (long long)g->box[2], (long long)g->box[3])
                                   : Py_BuildValue("(ILLLO)", g->gid, x, y, start, Py_None);
        if (one == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, at, one);
    }
    return all;
}

static PyObject *block_ink(fm_block *self, void *unused)
{
    (void)unused;
    return Py_BuildValue("(LLLL)", (long long)self->ink[0], (long long)self->ink[1], (long long)self->ink[2], (long long)self->ink[3]);
}

static PyObject *block_has_ink(fm_block *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->ink[FM_RIGHT] > self->ink[FM_LEFT] && self->ink[FM_TOP] > self->ink[FM_BOTTOM]);
}

static PyObject *block_is_complete(fm_block *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(self->is_complete);
}

static void block_dealloc(fm_block *self)
{
    PyMem_Free(self->glyphs);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef block_methods[] = {
    {"extent", (PyCFunction)(void (*)(void))block_extent, METH_FASTCALL, NULL},
    {"place", (PyCFunction)(void (*)(void))block_place, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef block_getters[] = {
    {"glyphs", (getter)block_glyphs, NULL, NULL, NULL},
    {"ink", (getter)block_ink, NULL, NULL, NULL},
    {"has_ink", (getter)block_has_ink, NULL, NULL, NULL},
    {"is_complete", (getter)block_is_complete, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject fm_block_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "fontmilld.native._core.Block",
    .tp_basicsize = sizeof(fm_block),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)block_dealloc,
    .tp_methods = block_methods,
    .tp_getset = block_getters,
};

int fm_add_text(PyObject *module)
{
    return PyModule_AddType(module, &fm_block_type) < 0 || PyModule_AddType(module, &fm_placed_type) < 0 ? -1 : 0;
}
