/* report: the figures of a session, as text or as one JSON object (--stats, SIGUSR1). */
#ifndef REPORT_H
#define REPORT_H

#include "conn.h"
#include "waits.h"

enum report_form {
	REPORT_NONE = 0,
	REPORT_TEXT,
	REPORT_JSON,
};

struct report {
	const struct conn *conn;
	const struct waits *waits;
	int64_t uptime_ms;
	int status; /* exit status, -1 while the session is under way */
};

/* What limited it, as waits_verdict(); NULL of a session that moved nothing, for nothing did. */
const char *report_verdict(const struct conn *c, const struct waits *w);

/* Print it on stderr: lines for people, or one JSON object (vault-protocol(5)). */
void report_text(const struct report *r);
void report_json(const struct report *r);

#endif
