/*
 * jsonwalk: read small JSON objects where they lie, without making anything of them.
 *
 * What datagrams carry is a handful of members; a tree on the heap for each would be the dearest part of
 * reading them. The whole text must be one well-formed object (RFC 8259) in UTF-8, nested at most
 * JSONWALK_DEPTH deep; values that the caller does not look at are checked, too.
 */
#ifndef JSONWALK_H
#define JSONWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONWALK_DEPTH 8

enum jsonwalk_kind {
	JSONWALK_STRING = 1,
	JSONWALK_INTEGER, /* fits into an int64_t, no fraction, no exponent */
	JSONWALK_NUMBER,
	JSONWALK_OBJECT,
	JSONWALK_ARRAY,
	JSONWALK_TRUE,
	JSONWALK_FALSE,
	JSONWALK_NULL,
};

struct jsonwalk {
	enum jsonwalk_kind kind;
	const char *text; /* with its quotes or brackets */
	size_t len;
	int64_t integer;
};

/* Called for each member; ${name} as it is written (a name with an escape matches nothing we know).
 * False ends the walk. */
typedef bool (*jsonwalk_member)(void *ctx, const char *name, size_t len, const struct jsonwalk *value);
/* Called for each element. */
typedef bool (*jsonwalk_element)(void *ctx, const struct jsonwalk *value);

/* True if ${text} is one object (or array) and every call returned true. */
bool jsonwalk_object(const char *text, size_t n, jsonwalk_member call, void *ctx);
bool jsonwalk_array(const char *text, size_t n, jsonwalk_element call, void *ctx);

/* Is the member called ${want}? */
bool jsonwalk_named(const char *name, size_t len, const char *want);

/* The text of a string without quotes and escapes, with a NUL. Its length, or -1 if it does not fit into
 * ${cap} bytes, holds a NUL or a lone surrogate, or is no string. */
int jsonwalk_string(const struct jsonwalk *v, char *out, size_t cap);

#endif
