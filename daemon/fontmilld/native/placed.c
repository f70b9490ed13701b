/* What was placed, as Python sees it: render/layout.py's Laid. */

#include "text.h"

static PyObject *placed_glyphs(fm_placed *self, void *unused)
{
    (void)unused;
    PyObject *all = PyTuple_New(self->count);
    for (Py_ssize_t at = 0; all != NULL && at < self->count; at++) {
        const fm_matrix *m = &self->glyphs[at].matrix;
        PyObject *one = Py_BuildValue("(I(dddddd))", self->glyphs[at].gid, m->xx, m->yx, m->xy, m->yy, m->x0, m->y0);
        if (one == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, at, one);
    }
    return all;
}

static PyObject *placed_owners(fm_placed *self, void *unused)
{
    (void)unused;
    PyObject *all = PyTuple_New(self->count);
    for (Py_ssize_t at = 0; all != NULL && at < self->count; at++) {
        PyObject *one = PyLong_FromLongLong(self->glyphs[at].start);
        if (one == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, at, one);
    }
    return all;
}

static PyObject *placed_clusters(fm_placed *self, void *unused)
{
    (void)unused;
    PyObject *all = PyTuple_New(self->cluster_count);
    for (Py_ssize_t at = 0; all != NULL && at < self->cluster_count; at++) {
        const double *c = self->clusters[at].corners;
        PyObject *one = Py_BuildValue("(L(dddd))", (long long)self->clusters[at].start, c[0], c[1], c[2], c[3]);
        if (one == NULL)
            Py_CLEAR(all);
        else
            PyTuple_SET_ITEM(all, at, one);
    }
    return all;
}

static void placed_dealloc(fm_placed *self)
{
    PyMem_Free(self->glyphs);
    PyMem_Free(self->clusters);
    Py_TYPE(self)->tp_free(self);
}

static PyGetSetDef placed_getters[] = {
    {"glyphs", (getter)placed_glyphs, NULL, NULL, NULL},
    {"owners", (getter)placed_owners, NULL, NULL, NULL},
    {"clusters", (getter)placed_clusters, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject fm_placed_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "fontmilld.native._core.Placed",
    .tp_basicsize = sizeof(fm_placed),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = (destructor)placed_dealloc,
    .tp_getset = placed_getters,
};
