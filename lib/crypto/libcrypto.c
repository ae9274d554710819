/* see libcrypto.h */
#if WITH_LIBCRYPTO

#include "libcrypto.h"

#include <stdbool.h>

#include "library.h"

#ifdef LIBCRYPTO_SO
#define TEXT_OF(name) #name
#define TEXT(macro) TEXT_OF(macro)

static struct libcrypto functions;

static int find_functions(void)
{
	void *library = library_open(TEXT(LIBCRYPTO_SO));

	if (!library)
		return -1;
#define FIND(function) \
	if (library_function(library, #function, &functions.function) < 0) \
		return -1;
	LIBCRYPTO_FUNCTIONS(FIND)
#undef FIND
	return 0;
}
#else
static const struct libcrypto functions = {
#define NAME(function) .function = function,
    LIBCRYPTO_FUNCTIONS(NAME)
#undef NAME
};

static int find_functions(void)
{
	return 0;
}
#endif

const struct libcrypto *libcrypto(void)
{
	static bool tried, found;

	if (!tried) {
		tried = true;
		found = find_functions() == 0;
		if (found)
			(void)functions.OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	}
	return found ? &functions : NULL;
}

#else

struct libcrypto; /* (ISO C wants something in a file.) */

#endif
