#include "log.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crypto/secret.h"
#include "printable.h"

#define LINE_MAX_BYTES 2048
#define SELDOM_MS 10000

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
	struct iovec parts[2] = {{(void *)(uintptr_t)line, strlen(line)}, {(void *)(uintptr_t)"\n", 1}};

	if (state.wipe)
		state.wipe();
	/* Not by stdio, which would leave a copy behind: standard error is not buffered, so the order is kept. */
	while (parts[0].iov_len + parts[1].iov_len > 0) {
		ssize_t n = writev(STDERR_FILENO, parts, 2);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		for (int i = 0; i < 2; i++) {
			size_t k = (size_t)n < parts[i].iov_len ? (size_t)n : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + k;
			parts[i].iov_len -= k;
			n -= (ssize_t)k;
		}
	}
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
	} else {
		snprintf(line, sizeof line, "%s: %s", state.prog, safe);
		log_line(line);
		secret_wipe(line, strlen(line));
	}
	/* A one-time code is shown this way. */
	secret_wipe(text, strlen(text));
	secret_wipe(safe, strlen(safe));
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("error", format, ap);
	va_end(ap);
}

void log_notice(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say("notice", format, ap);
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

void log_warn_seldom(struct log_seldom *s, const char *what, const char *why)
{
	int64_t now = clock_ms();

	s->untold++;
	if (s->said != 0 && now - s->said < SELDOM_MS)
		return;
	if (s->said == 0)
		log_warn("%s: %s", what, why);
	else
		log_warn("%s: %s (%llu times since that was last said)", what, why, (unsigned long long)s->untold);
	s->said = now;
	s->untold = 0;
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
