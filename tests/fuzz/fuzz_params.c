/* Fuzz: parameter maps. What is read can be written and read again with the same meaning. */
#include <stdlib.h>
#include <string.h>

#include "proto/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) \
	do { \
		if (!(cond)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct params p, again;
	uint8_t out[PARAMS_MAX];
	const char *why = NULL;
	size_t n;

	if (params_decode(&p, data, size, &why) < 0) {
		MUST(why && *why);
		return 0;
	}
	MUST(size > 0 && size <= PARAMS_MAX);
	MUST(memchr(p.software, 0, sizeof(p.software)) != NULL);
	n = params_encode(&p, out, sizeof(out));
	MUST(n > 0);
	MUST(params_decode(&again, out, n, &why) == 0);
	MUST(p.compress == again.compress && p.messages == again.messages);
	MUST(p.throwaway == again.throwaway && p.probe == again.probe);
	MUST(p.keepalive == again.keepalive && p.has_identity == again.has_identity);
	MUST(memcmp(p.identity, again.identity, sizeof(p.identity)) == 0);
	MUST(strcmp(p.software, again.software) == 0);
	return 0;
}
