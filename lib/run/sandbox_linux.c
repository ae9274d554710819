/* See sandbox.h: no_new_privs, landlock, seccomp. */
#include "sandbox.h"

#ifdef SANDBOX_LINUX

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "log.h"
#include "sandbox_landlock.h"
#include "sandbox_seccomp.h"

/* Valgrind runs in our process and makes calls of its own, which a filter would refuse it. */
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

static const char *reason(int error)
{
	return error == ENOTSUP ? "not for this machine" : strerror(error);
}

/*
 * What could not be had, as text; "" if all is well. 0, or -1: the threads could not be started. They inherit what landlock
 * takes away, which it does from one thread only; the filter then is for all that there are, and would not let one start.
 */
static int confine(const struct sandbox_needs *needs, char missing[SANDBOX_TEXTMAX], struct error *e)
{
	size_t n = 0;

	missing[0] = '\0';
	if (RUNNING_ON_VALGRIND) {
		snprintf(missing, SANDBOX_TEXTMAX, "none under valgrind");
		return sandbox_threads(needs, e);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0) {
		snprintf(missing, SANDBOX_TEXTMAX, "no_new_privs: %s", strerror(errno));
		return sandbox_threads(needs, e);
	}
	if (sandbox_landlock(needs) < 0)
		n = (size_t)snprintf(missing, SANDBOX_TEXTMAX, "no landlock (%s)", strerror(errno));
	if (sandbox_threads(needs, e) < 0)
		return -1;
	if (n < SANDBOX_TEXTMAX && sandbox_seccomp(needs) < 0)
		snprintf(missing + n, SANDBOX_TEXTMAX - n, "%sno seccomp (%s)", n > 0 ? ", " : "", reason(errno));
	return 0;
}

static void tell(const struct sandbox_needs *needs)
{
	if (needs->resolve)
		log_info(1, "sandbox: name look-ups and connections stay possible until the session is up");
	log_info(2, "sandbox: files and system calls are confined%s%s%s%s%s%s%s", needs->datagrams ? ", datagrams go anywhere" : "",
	    needs->accept ? ", clients can connect" : "",
	    needs->connect && !needs->resolve ? needs->port_count > 1 ? ", some ports can be connected to" : ", one port can be connected to" : "",
	    needs->append || needs->arrival ? ", a key can be remembered" : "", needs->directory ? ", the output can take its name" : "",
	    needs->removal || needs->removal_too ? ", a socket can be removed" : "", needs->reread || needs->reread_too ? ", files of keys can be read anew" : "");
}

int sandbox_enter(const struct sandbox_needs *needs, enum sandbox_mode mode, struct error *e)
{
	static bool entered;
	char missing[SANDBOX_TEXTMAX];
	bool first = !entered;

	if (mode == SANDBOX_OFF)
		return sandbox_threads(needs, e);
	entered = true;
	if (confine(needs, missing, e) < 0)
		return -1;
	if (missing[0] == '\0') {
		tell(needs);
		return 0;
	}
	if (!first)
		return 0;
	if (mode == SANDBOX_REQUIRE)
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL, "--sandbox=require: %s", missing);
	log_info(1, "sandbox: not complete: %s", missing);
	return 0;
}

char *sandbox_describe(char out[SANDBOX_TEXTMAX])
{
	int abi = sandbox_landlock_abi();
	bool seccomp = sandbox_seccomp_check() == 0;
	char landlock[32] = "";

	if (abi > 0)
		snprintf(landlock, sizeof landlock, " landlock %d", abi);
	snprintf(out, SANDBOX_TEXTMAX, "sandbox%s%s%s", landlock, abi > 0 && seccomp ? " +" : "",
	    seccomp ? " seccomp" : abi > 0 ? "" : " none");
	return out;
}

#endif
