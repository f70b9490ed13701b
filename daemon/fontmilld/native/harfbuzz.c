/* Finding HarfBuzz, and its scratch memory: one buffer and one rasterizer, as the interpreter's lock allows. */

#include "harfbuzz.h"

#include <dlfcn.h>

/* What is larger is not kept: one long text must not cost its memory forever. */
enum { MOST_CHARACTERS = 1 << 14, MOST_PIXELS = 1 << 20 };

fm_harfbuzz fm_hb;
int fm_hb_open = 0;

static hb_buffer_t *spare_buffer = NULL;
static hb_raster_draw_t *raster = NULL;

hb_buffer_t *fm_take_buffer(void)
{
    hb_buffer_t *buffer = spare_buffer;
    spare_buffer = NULL;
    if (buffer == NULL)
        buffer = fm_hb.buffer_create();
    else
        fm_hb.buffer_clear_contents(buffer);
    if (!fm_hb.buffer_allocation_successful(buffer)) {
        fm_hb.buffer_destroy(buffer);
        PyErr_NoMemory();
        return NULL;
    }
    return buffer;
}

void fm_give_buffer(hb_buffer_t *buffer, Py_ssize_t length)
{
    if (spare_buffer == NULL && length <= MOST_CHARACTERS && fm_hb.buffer_allocation_successful(buffer))
        spare_buffer = buffer;
    else
        fm_hb.buffer_destroy(buffer);
}

hb_raster_draw_t *fm_take_raster(void)
{
    if (raster == NULL && (raster = fm_hb.raster_draw_create_or_fail()) == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    fm_hb.raster_draw_clear(raster);
    return raster;
}

hb_raster_image_t *fm_render(hb_raster_draw_t *draw)
{
    hb_raster_image_t *image = fm_hb.raster_draw_render(draw);
    if (image == NULL)
        PyErr_SetString(PyExc_MemoryError, "the rasterizer could not allocate its image");
    return image;
}

void fm_give_image(hb_raster_draw_t *draw, hb_raster_image_t *image, Py_ssize_t pixels)
{
    if (pixels <= MOST_PIXELS) {
        fm_hb.raster_draw_recycle_image(draw, image);
        return;
    }
    fm_hb.raster_image_destroy(image);
    if (draw == raster) {
        fm_hb.raster_draw_destroy(raster);
        raster = NULL;
    }
}

hb_draw_funcs_t *fm_hb_draw_funcs(hb_point_func move_to, hb_point_func line_to, hb_quadratic_func quadratic_to, hb_cubic_func cubic_to)
{
    hb_draw_funcs_t *funcs = fm_hb.draw_funcs_create();
    fm_hb.draw_funcs_set_move_to_func(funcs, move_to, NULL, NULL);
    fm_hb.draw_funcs_set_line_to_func(funcs, line_to, NULL, NULL);
    fm_hb.draw_funcs_set_quadratic_to_func(funcs, quadratic_to, NULL, NULL);
    fm_hb.draw_funcs_set_cubic_to_func(funcs, cubic_to, NULL, NULL);
    return funcs;
}

/* True if the library at the path, which must be loaded, has every function; it stays loaded from then on. */
static PyObject *open_harfbuzz(PyObject *module, PyObject *path)
{
    (void)module;
    if (fm_hb_open)
        Py_RETURN_TRUE;
    PyObject *encoded;
    if (!PyUnicode_FSConverter(path, &encoded))
        return NULL;
    void *library = dlopen(PyBytes_AS_STRING(encoded), RTLD_NOW | RTLD_NOLOAD);
    Py_DECREF(encoded);
    if (library == NULL)
        Py_RETURN_FALSE;
    int complete = 1;
    void *found;
#define FIND(result, name, arguments)                    \
    found = dlsym(library, "hb_" #name);                 \
    memcpy(&fm_hb.name, &found, sizeof fm_hb.name);      \
    complete &= found != NULL;
    FM_HARFBUZZ(FIND)
#undef FIND
    if (!complete) {
        dlclose(library);
        Py_RETURN_FALSE;
    }
    fm_hb_open = 1;
    Py_RETURN_TRUE;
}

static PyMethodDef functions[] = {
    {"open_harfbuzz", open_harfbuzz, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_harfbuzz(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
