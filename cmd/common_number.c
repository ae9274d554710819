/* common, the half that reads numbers: all of the text or nothing, with the reason. */
#include "common.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define SHOWN_MAX 40 /* characters of the text that a reason repeats */
#define SHOWN(text) (int)strnlen((text), SHOWN_MAX), (text)

static int common_why(char why[COMMON_WHY_MAX], const char *text, const char *reason)
{
	snprintf(why, COMMON_WHY_MAX, "'%.*s' %s", SHOWN(text), reason);
	return -1;
}

/* Leading digits; *${end} is what follows. 0, 1 if the number does not fit, -1 without a digit. */
static int common_digits(uint64_t *out, const char *text, const char **end)
{
	bool over = false;

	*out = 0;
	*end = text;
	for (; isdigit((unsigned char)**end); (*end)++) {
		unsigned digit = (unsigned)(**end - '0');

		if (*out > (UINT64_MAX - digit) / 10)
			over = true;
		else
			*out = *out * 10 + digit;
	}
	return *end == text ? -1 : over;
}

int common_int(int64_t *out, const char *text, int64_t min, int64_t max, char why[COMMON_WHY_MAX])
{
	bool minus = min < 0 && text[0] == '-';
	const char *end;
	uint64_t n;
	int rc = common_digits(&n, text + minus, &end);

	if (rc < 0 || *end)
		return common_why(why, text, "is not a whole number");
	if (rc > 0 || n > INT64_MAX || (minus ? -(int64_t)n : (int64_t)n) < min ||
	    (minus ? -(int64_t)n : (int64_t)n) > max) {
		snprintf(why, COMMON_WHY_MAX, "'%.*s' is out of range %" PRId64 "..%" PRId64, SHOWN(text),
		    min, max);
		return -1;
	}
	*out = minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

int common_duration(int64_t *out, const char *text, int64_t max, char why[COMMON_WHY_MAX])
{
	static const struct {
		const char *suffix;
		uint64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	const char *end;
	uint64_t n;
	int rc = common_digits(&n, text, &end);

	for (size_t i = 0; rc >= 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		if (rc > 0 || n > (uint64_t)max / units[i].ms)
			return common_why(why, text, "is too long");
		*out = (int64_t)(n * units[i].ms);
		return 0;
	}
	return common_why(why, text, "is not a duration such as 500ms, 10s, 5m or 2h (0 = never)");
}

static void common_show_size(char out[24], uint64_t n)
{
	static const char units[] = " KMG";
	int i = 0;

	for (; i < 3 && n && n % 1024 == 0; i++)
		n /= 1024;
	snprintf(out, 24, i ? "%" PRIu64 "%c" : "%" PRIu64, n, units[i]);
}

int common_size(uint64_t *out, const char *text, uint64_t min, uint64_t max, char why[COMMON_WHY_MAX])
{
	static const char units[] = "KMG";
	char least[24], most[24];
	const char *end, *unit;
	unsigned shift = 0;
	uint64_t n;
	int rc = common_digits(&n, text, &end);

	if (rc >= 0 && *end && (unit = strchr(units, toupper((unsigned char)*end))) != NULL) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
	}
	if (rc < 0 || *end)
		return common_why(why, text, "is not a size such as 512, 64K, 10M or 1G");
	if (rc > 0 || n > UINT64_MAX >> shift || n << shift < min || n << shift > max) {
		common_show_size(least, min);
		common_show_size(most, max);
		snprintf(why, COMMON_WHY_MAX, "'%.*s' is out of range %s..%s", SHOWN(text), least, most);
		return -1;
	}
	*out = n << shift;
	return 0;
}

int common_port(uint16_t *out, const char *text, bool zero, char why[COMMON_WHY_MAX])
{
	int64_t n;

	if (common_int(&n, text, zero ? 0 : 1, UINT16_MAX, why))
		return -1;
	*out = (uint16_t)n;
	return 0;
}

/* ---- the argument of the option just returned ---- */

int common_opt_int(const struct common_args *a, int64_t *out, int64_t min, int64_t max)
{
	char why[COMMON_WHY_MAX];

	return common_int(out, a->value, min, max, why) ? common_bad(a, why) : 0;
}

int common_opt_duration(const struct common_args *a, int64_t *out)
{
	char why[COMMON_WHY_MAX];

	return common_duration(out, a->value, COMMON_DURATION_MAX, why) ? common_bad(a, why) : 0;
}

int common_opt_size(const struct common_args *a, uint64_t *out, uint64_t min, uint64_t max)
{
	char why[COMMON_WHY_MAX];

	return common_size(out, a->value, min, max, why) ? common_bad(a, why) : 0;
}

int common_opt_port(const struct common_args *a, uint16_t *out, bool zero)
{
	char why[COMMON_WHY_MAX];

	return common_port(out, a->value, zero, why) ? common_bad(a, why) : 0;
}

static int common_fd(const struct common_args *a, int *out, int least)
{
	int64_t fd = -1;

	if (common_opt_int(a, &fd, least, 65535))
		return COMMON_USAGE;
	if (fcntl((int)fd, F_GETFD) < 0)
		return common_bad(a, "this descriptor is not open");
	*out = (int)fd;
	return 0;
}

int common_opt_fd(const struct common_args *a, int *out)
{
	return common_fd(a, out, 3);
}

int common_opt_input(const struct common_args *a, int *out)
{
	return common_fd(a, out, 0);
}
