/* CRC-32C (Castagnoli), eight bytes at a time with eight tables. Without this module the same sum is
 * computed in Python, which is slower; see checksum.py. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

static uint32_t tables[8][256];

static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ (sum & 1 ? 0x82F63B78u : 0);
        }
        tables[0][byte] = sum;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int table = 1; table < 8; table++) {
            uint32_t sum = tables[table - 1][byte];
            tables[table][byte] = (sum >> 8) ^ tables[0][sum & 0xFF];
        }
    }
}

static uint32_t add(uint32_t sum, const uint8_t *bytes, Py_ssize_t length) {
    for (; length >= 8; bytes += 8, length -= 8) {
        sum ^= (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
        sum = tables[7][sum & 0xFF] ^ tables[6][sum >> 8 & 0xFF] ^ tables[5][sum >> 16 & 0xFF] ^
              tables[4][sum >> 24] ^ tables[3][bytes[4]] ^ tables[2][bytes[5]] ^
              tables[1][bytes[6]] ^ tables[0][bytes[7]];
    }
    for (; length > 0; bytes++, length--) {
        sum = (sum >> 8) ^ tables[0][(sum ^ *bytes) & 0xFF];
    }
    return sum;
}

static PyObject *crc32c(PyObject *self, PyObject *arguments) {
    Py_buffer view;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "y*", &view)) {
        return NULL;
    }
    uint32_t sum = ~add(~0u, view.buf, view.len);
    PyBuffer_Release(&view);
    return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef methods[] = {
    {"crc32c", crc32c, METH_VARARGS, "The CRC-32C of a bytes-like object."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_crc32c", "CRC-32C in C.", 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__crc32c(void) {
    make_tables();
    return PyModule_Create(&module);
}
