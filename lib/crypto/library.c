/* see library.h */
#include "library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

static bool no_more;

void *library_open(const char *name)
{
	return no_more ? NULL : dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* (ISO C has no conversion from a pointer to data to one to a function; POSIX has.) */
int library_function(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof(symbol));
	return symbol ? 0 : -1;
}

void library_no_more(void)
{
	no_more = true;
}
