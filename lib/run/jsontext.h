/* jsontext: text for JSON, made printable: what is not UTF-8 would otherwise be refused. */
#ifndef JSONTEXT_H
#define JSONTEXT_H

#include <jansson.h>

/* A new reference to a string with what printable() makes of ${text} (at most 8 KiB). */
json_t *jsontext(const char *text);

#endif
