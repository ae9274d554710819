#include "log.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "printable.h"

#define LINE_MAX_BYTES 2048

/* The one process-wide state of lib/run: there is one stderr. */
static struct {
	const char *prog;
	int verbosity;
	bool quiet, json;
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

const char *log_program(void)
{
	return state.prog;
}

void log_on_message(void (*wipe)(void))
{
	state.wipe = wipe;
}

void log_as_json(void)
{
	state.json = true;
}

void log_line(const char *line)
{
	if (state.wipe)
		state.wipe();
	fprintf(stderr, "%s\n", line);
}

char *log_stamp(char out[LOG_STAMP_MAX])
{
	struct timespec now;
	struct tm utc;
	char date[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out, LOG_STAMP_MAX, "%s.%03ldZ", date, now.tv_nsec / 1000000);
	return out;
}

static void say_json(const char *level, const char *text)
{
	static const char prefix[] = "warning: "; /* the level says it */
	char stamp[LOG_STAMP_MAX], *line;
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s}", "v", 1, "time", log_stamp(stamp), "program", state.prog, "level",
	    level, "message", strncmp(text, prefix, sizeof prefix - 1) == 0 ? text + sizeof prefix - 1 : text);

	line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	if (line)
		log_line(line);
	free(line);
}

static void say(const char *level, const char *format, va_list ap)
{
	char text[LINE_MAX_BYTES], safe[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];

	vsnprintf(text, sizeof text, format, ap);
	printable(safe, sizeof safe, text, strlen(text));
	if (state.json) {
		say_json(level, safe);
		return;
	}
	snprintf(line, sizeof line, "%s: %s", state.prog, safe);
	log_line(line);
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("error", format, ap);
	va_end(ap);
}

void log_warn(const char *format, ...)
{
	va_list ap;

	if (state.quiet)
		return;
	va_start(ap, format);
	say("warning", format, ap);
	va_end(ap);
}

void log_info(int level, const char *format, ...)
{
	va_list ap;

	if (state.verbosity < level)
		return;
	va_start(ap, format);
	say("info", format, ap);
	va_end(ap);
}
