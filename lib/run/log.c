#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "printable.h"

#define LINE_MAX_BYTES 2048

/* The one process-wide state of lib/run: there is one stderr. */
static struct {
	const char *prog;
	int verbosity;
	bool quiet;
	void (*wipe)(void);
} state = {.prog = "vault"};

void log_setup(const char *prog, int verbosity, bool quiet)
{
	state.prog = prog;
	state.verbosity = verbosity;
	state.quiet = quiet;
}

int log_verbosity(void)
{
	return state.verbosity;
}

void log_on_message(void (*wipe)(void))
{
	state.wipe = wipe;
}

static void say(const char *format, va_list ap)
{
	char text[LINE_MAX_BYTES], safe[LINE_MAX_BYTES];

	vsnprintf(text, sizeof text, format, ap);
	if (state.wipe)
		state.wipe();
	fprintf(stderr, "%s: %s\n", state.prog, printable(safe, sizeof safe, text, strlen(text)));
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void log_warn(const char *format, ...)
{
	va_list ap;

	if (state.quiet)
		return;
	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void log_info(int level, const char *format, ...)
{
	va_list ap;

	if (state.verbosity < level)
		return;
	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}
