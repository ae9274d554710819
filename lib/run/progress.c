#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* The rate is a moving average over the last seconds, so that a pause shows. */
#define SMOOTH 0.3

static struct {
	bool shown;
	uint64_t bytes;
	int64_t at;
	double rate; /* bytes per second */
} line;

bool progress_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);
}

char *progress_bytes(char out[32], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	return out;
}

static void wipe(void)
{
	if (line.shown)
		fputs("\r\033[K", stderr);
	line.shown = false;
}

static void update_rate(uint64_t bytes, int64_t now)
{
	double span = (double)(now - line.at) / 1000, fresh;

	if (span < 0.05)
		return;
	fresh = (double)(bytes - line.bytes) / span;
	line.rate = line.at == 0 ? fresh : line.rate + SMOOTH * (fresh - line.rate);
	line.bytes = bytes;
	line.at = now;
}

static void eta(char *out, size_t size, int64_t total, uint64_t sent)
{
	double left;

	out[0] = '\0';
	if (total <= 0 || line.rate < 1)
		return;
	left = ((double)total - (double)sent) / line.rate;
	if (left < 0)
		left = 0;
	snprintf(out, size, " %3.0f%% ETA %d:%02d", 100.0 * (double)sent / (double)total, (int)(left / 60),
	    (int)left % 60);
}

void progress_show(uint64_t sent, uint64_t received, int64_t total, int64_t elapsed_ms)
{
	char a[32], b[32], r[32], rest[64];

	update_rate(sent + received, elapsed_ms);
	if (!progress_possible())
		return;
	log_on_message(wipe);
	eta(rest, sizeof rest, total, sent);
	fprintf(stderr, "\r\033[K%s sent, %s received, %s/s%s", progress_bytes(a, (double)sent),
	    progress_bytes(b, (double)received), progress_bytes(r, line.rate), rest);
	line.shown = true;
}

void progress_end(bool summary, uint64_t sent, uint64_t received, int64_t elapsed_ms)
{
	char a[32], b[32], r[32];
	double seconds = elapsed_ms > 0 ? (double)elapsed_ms / 1000 : 0.001;

	wipe();
	if (summary)
		fprintf(stderr, "%s sent, %s received in %.1f s, %s/s\n", progress_bytes(a, (double)sent),
		    progress_bytes(b, (double)received), seconds,
		    progress_bytes(r, (double)(sent + received) / seconds));
}
