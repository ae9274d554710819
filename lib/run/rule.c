#include "rule.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX 4096

struct value {
	char text[VALUE_MAX];
	size_t len;
};

/* ---- values ---- */

static int take_text(char **to, const struct value *v, const char **why)
{
	if (*to) {
		*why = "an option is given twice";
		return -1;
	}
	if (v->len == 0) {
		*why = "an option has an empty value";
		return -1;
	}
	*to = strdup(v->text);
	if (!*to)
		*why = "out of memory";
	return *to ? 0 : -1;
}

/* Digits, and for sizes K, M or G. */
static int take_number(uint64_t *to, const struct value *v, uint64_t most, bool size, const char **why)
{
	static const char units[] = "KMG";
	char *end;
	unsigned long long n = strtoull(v->text, &end, 10);
	const char *unit = size && *end ? strchr(units, *end) : NULL;

	for (; unit && unit >= units && n <= most; unit--)
		n *= 1024;
	if (size && *end && strchr(units, *end))
		end++;
	if (v->text[0] < '0' || v->text[0] > '9' || *end || n == 0 || n > most) {
		*why = size ? "rate= is not a number of bytes a second from 1 to 1024G" : "max-clients= is not a number from 1 to 1000000";
		return -1;
	}
	*to = n;
	return 0;
}

static int take_time(int64_t *to, const struct value *v, const char **why)
{
	struct tm tm = {0};
	const char *end = strptime(v->text, "%Y-%m-%d", &tm);
	bool whole_day = end && *end == '\0';

	if (end && (*end == 'T' || *end == ' '))
		end = strptime(end + 1, "%H:%M:%S", &tm);
	if (end && *end == 'Z')
		end++;
	else if (!whole_day)
		end = NULL;
	if (!end || *end) {
		*why = "expires= is neither a day (2027-01-31) nor a time in UTC (2027-01-31T12:00:00Z)";
		return -1;
	}
	*to = (int64_t)timegm(&tm) + (whole_day ? 24 * 60 * 60 : 0);
	if (*to < 1) {
		*why = "expires= is before 1970";
		return -1;
	}
	return 0;
}

static bool is(const char *name, size_t len, const char *option)
{
	return strlen(option) == len && memcmp(name, option, len) == 0;
}

static int take(struct rule *r, const char *name, size_t len, const struct value *v, const char **why)
{
	uint64_t n = 0;

	if (is(name, len, "command"))
		return take_text(&r->command, v, why);
	if (is(name, len, "forward"))
		return take_text(&r->forward, v, why);
	if (is(name, len, "rate"))
		return take_number(&r->rate, v, UINT64_C(1) << 40, true, why);
	if (is(name, len, "expires"))
		return take_time(&r->expires, v, why);
	if (is(name, len, "max-clients")) {
		if (take_number(&n, v, 1000000, false, why) < 0)
			return -1;
		r->max_clients = (int64_t)n;
		return 0;
	}
	*why = "an option that is not known (there are command, forward, rate, max-clients, expires)";
	return -1;
}

/* ---- text ---- */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A value, quoted or not: how many bytes it takes, or -1. */
static ssize_t read_value(struct value *v, const char *text, size_t len, const char **why)
{
	bool quoted = len > 0 && text[0] == '"', closed = !quoted;
	size_t i = quoted ? 1 : 0;

	v->len = 0;
	for (; i < len; i++) {
		char c = text[i];

		if (quoted && c == '"') {
			closed = true;
			i++;
			break;
		}
		if (!quoted && (blank(c) || c == ','))
			break;
		if (quoted && c == '\\' && i + 1 < len && (text[i + 1] == '"' || text[i + 1] == '\\'))
			c = text[++i];
		if (v->len + 1 >= sizeof v->text || c == '\0') {
			*why = c == '\0' ? "a zero byte" : "an option's value is too long";
			return -1;
		}
		v->text[v->len++] = c;
	}
	v->text[v->len] = '\0';
	if (!closed) {
		*why = "a quote is not closed";
		return -1;
	}
	return (ssize_t)i;
}

static size_t name_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && ((text[n] >= 'a' && text[n] <= 'z') || text[n] == '-'))
		n++;
	return n;
}

ssize_t rule_parse(struct rule *r, const char *text, size_t len, const char **why)
{
	size_t at = 0;
	struct value v;

	memset(r, 0, sizeof *r);
	for (;;) {
		size_t n = name_length(text + at, len - at);
		ssize_t used;

		if (n == 0 || at + n >= len || text[at + n] != '=') {
			if (at == 0)
				return 0;
			*why = "an option is missing after the comma";
			break;
		}
		used = read_value(&v, text + at + n + 1, len - at - n - 1, why);
		if (used < 0 || take(r, text + at, n, &v, why) < 0)
			break;
		at += n + 1 + (size_t)used;
		if (at >= len || blank(text[at]))
			return (ssize_t)at;
		if (text[at] != ',') {
			*why = "neither a comma nor a blank after an option";
			break;
		}
		at++;
	}
	rule_free(r);
	return -1;
}

const char *rule_only_for(const struct rule *r, enum rule_service wanted)
{
	if (!r->command && !r->forward)
		return NULL;
	if ((wanted == RULE_COMMANDS && r->command) || (wanted == RULE_BACKENDS && r->forward))
		return NULL;
	return !r->forward ? "a command" : !r->command ? "a backend" : "a command or a backend";
}

bool rule_expired(const struct rule *r)
{
	return r->expires > 0 && time(NULL) >= r->expires;
}

void rule_free(struct rule *r)
{
	free(r->command);
	free(r->forward);
	memset(r, 0, sizeof *r);
}
