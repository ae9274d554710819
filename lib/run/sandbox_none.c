/* See sandbox.h: systems without a sandbox that we know, and sanitizers. */
#include "sandbox.h"

#ifdef SANDBOX_NONE

#include <stdio.h>

#include "log.h"

#ifdef SANDBOX_SANITIZED
#define WHY "this is a build with sanitizers"
#else
#define WHY "not for this system"
#endif

int sandbox_enter(const struct sandbox_needs *needs, enum sandbox_mode mode, struct error *e)
{
	if (mode == SANDBOX_REQUIRE)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "--sandbox=require: there is no sandbox (%s)", WHY);
	if (mode == SANDBOX_AUTO)
		log_info(1, "sandbox: none (%s)", WHY);
	return sandbox_threads(needs, e);
}

char *sandbox_describe(char out[SANDBOX_TEXTMAX])
{
	snprintf(out, SANDBOX_TEXTMAX, "sandbox none (%s)", WHY);
	return out;
}

#endif
