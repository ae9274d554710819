/* command: what can be asked of a running service, a line at a time (vault-protocol(5), CONTROL). */
#ifndef COMMAND_H
#define COMMAND_H

#include <jansson.h>
#include <stddef.h>

#include "service.h"

/* Do what the line (without its newline) says. The answer, a new reference; NULL without memory. */
json_t *command_run(struct service *v, const char *line, size_t len);

/* The answer to what could not be done. */
json_t *command_error(const char *why);

#endif
