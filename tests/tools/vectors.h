/* vectors: what the readers of test vectors share: JSON files, hex fields, the closing line. */
#ifndef VECTORS_H
#define VECTORS_H

#include <err.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

enum outcome {
	PASSED,
	FAILED,
	SKIPPED,
};

static unsigned vectors_count[SKIPPED + 1];

/* The file's JSON; whatever is wrong with it ends the program. */
static inline json_t *vectors_load(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (!root && error.line < 0)
		errx(1, "%s", error.text); /* names the file itself */
	if (!root)
		errx(1, "%s:%d: %s", path, error.line, error.text);
	return root;
}

/* The text of field ${key}, or NULL. */
static inline const char *vectors_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Decode hex to ${out}; 0, or -1 if it is not hex or longer than ${cap} bytes. */
static inline int vectors_unhex(const char *text, uint8_t *out, size_t cap, size_t *n)
{
	const char *end;

	if (sodium_hex2bin(out, cap, text, strlen(text), NULL, n, &end) != 0 || *end)
		return -1;
	return 0;
}

/* The hex field ${key}: 0, or -1 if it is missing or bad. */
static inline int vectors_bytes(
    const json_t *object, const char *key, uint8_t *out, size_t cap, size_t *n)
{
	const char *text = vectors_text(object, key);

	return text ? vectors_unhex(text, out, cap, n) : -1;
}

/* The closing line; returns the exit status. */
static inline int vectors_done(void)
{
	printf("%u passed, %u failed, %u skipped\n", vectors_count[PASSED], vectors_count[FAILED],
	    vectors_count[SKIPPED]);
	return !vectors_count[FAILED] && (vectors_count[PASSED] || vectors_count[SKIPPED]) ? 0 : 1;
}

#endif
