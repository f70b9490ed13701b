/* The module `fontmilld.native._core`: the hot path of rendering. Every part has an equal in Python. */

#include "core.h"

/* stamp.py says what it is; "" is of a build by hand. */
#ifndef FM_STAMP
#define FM_STAMP ""
#endif

#define DECLARE(part) int fm_add_##part(PyObject *module);
FM_PARTS(DECLARE)

static int fill(PyObject *module)
{
#define ADD(part)                      \
    if (fm_add_##part(module) < 0)     \
        return -1;
    FM_PARTS(ADD)
    return PyModule_AddStringConstant(module, "STAMP", FM_STAMP);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_core", .m_doc = "The hot path of rendering, compiled.", .m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
