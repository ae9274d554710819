/* stdstreams: the endpoint over standard input and standard output, or a file (-o) for the output. */
#ifndef STDSTREAMS_H
#define STDSTREAMS_H

#include "endpoint.h"

/* Make the endpoint. ${file} (may be NULL) is written aside and put in its place only when all is
 * there and on the disk. ${no_input}: standard input is left alone and ends at once.
 * ${no_output}: standard output is left alone. A standard input that was closed when the program
 * started ends at once; writing to a closed standard output fails. NULL with ${e} set. Call once. */
struct endpoint *stdstreams_open(const char *file, bool no_input, bool no_output, struct error *e);

/* The directory in which that file will get its name, or NULL without one. */
const char *stdstreams_directory(const struct endpoint *ep);

/* Give descriptors back in the state they were in. Removes an unfinished file. */
void stdstreams_close(struct endpoint *ep);

#endif
