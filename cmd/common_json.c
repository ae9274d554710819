/* common, JSON: one object a line on standard output. */
#include "common.h"

#include "crypto/secret.h"
#include "run/jsontext.h"

#define ALIGNMENT 16

/* Guarded memory ends at a page's end, so its start is aligned only if its size is. */
static void *common_json_alloc(size_t n)
{
	return secret_alloc((n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
}

void common_json_guard(void)
{
	json_set_alloc_funcs(common_json_alloc, secret_free);
}

int common_json_print(json_t *object, struct error *e)
{
	int rc = -1;

	if (!object)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for JSON");
	/* A failing stdout is remembered by stdio and found by common_close_stdout(). */
	if (json_dumpf(object, stdout, JSON_COMPACT) == 0 || ferror(stdout))
		rc = 0;
	else
		error_set(e, ERROR_IO, BLAME_LOCAL, "cannot write JSON");
	putchar('\n');
	json_decref(object);
	return rc;
}

void common_json_text(json_t *object, const char *name, const char *text)
{
	json_object_set_new(object, name, jsontext(text));
}
