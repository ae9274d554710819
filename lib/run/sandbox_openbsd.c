/* See sandbox.h: unveil(2) hides files, pledge(2) takes system calls. */
#include "sandbox.h"

#ifdef SANDBOX_OPENBSD

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static int unveil_beside(const char *path, const char *permissions)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof copy, "%s", path);
	return unveil(dirname(copy), permissions);
}

/* Resolving reads its own files and is pledged by "dns"; they need no unveil(2). */
static int hide(const struct sandbox_needs *needs)
{
	if (needs->append && unveil(needs->append, "rw") < 0)
		return -1;
	if ((needs->reread && unveil_beside(needs->reread, "r") < 0) ||
	    (needs->reread_too && unveil_beside(needs->reread_too, "r") < 0))
		return -1;
	if (needs->directory && unveil(needs->directory, "rwc") < 0)
		return -1;
	if (needs->removal && unveil_beside(needs->removal, "c") < 0)
		return -1;
	if (needs->removal_too && unveil_beside(needs->removal_too, "c") < 0)
		return -1;
	if (needs->arrival && unveil_beside(needs->arrival, "c") < 0)
		return -1;
	if (!needs->append && !needs->reread && !needs->reread_too && !needs->directory && !needs->removal && !needs->removal_too &&
	    !needs->arrival && unveil("/", "") < 0)
		return -1;
	return unveil(NULL, NULL);
}

/* With "error", what is refused fails instead of ending the process. */
static int promise(const struct sandbox_needs *needs)
{
	char promises[160];

	snprintf(promises, sizeof promises, "stdio tty error%s%s%s%s%s", needs->accept || needs->connect || needs->datagrams ? " inet unix" : "",
	    needs->commands ? " recvfd" : "",
	    needs->resolve ? " dns" : "", needs->append ? " rpath wpath flock" : needs->reread || needs->reread_too ? " rpath flock" : "",
	    needs->directory ? " rpath cpath" : needs->removal || needs->removal_too || needs->arrival ? " cpath" : "");
	return pledge(promises, NULL);
}

int sandbox_enter(const struct sandbox_needs *needs, enum sandbox_mode mode, struct error *e)
{
	static bool entered; /* unveil(2) has been locked */

	/* (Both calls are for the whole process.) */
	if (sandbox_threads(needs, e) < 0)
		return -1;
	if (mode == SANDBOX_OFF)
		return 0;
	if ((entered || hide(needs) == 0) && promise(needs) == 0) {
		entered = true;
		return 0;
	}
	if (mode == SANDBOX_REQUIRE && !entered)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "--sandbox=require: %s", strerror(errno));
	log_info(1, "sandbox: not complete: %s", strerror(errno));
	return 0;
}

char *sandbox_describe(char out[SANDBOX_TEXTMAX])
{
	snprintf(out, SANDBOX_TEXTMAX, "sandbox pledge + unveil");
	return out;
}

#endif
