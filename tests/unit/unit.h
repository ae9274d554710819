/* unit: the few words that unit tests are written in. Each test program is one file. */
#ifndef UNIT_H
#define UNIT_H

#undef NDEBUG
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unit_passed, unit_failed;
static int unit_here; /* failures within the test that runs now */

/* Check a condition; the test goes on, so that one run shows all that is wrong. */
#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			unit_here++; \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		} \
	} while (0)

#define CHECK_INT(a, b) \
	do { \
		long long unit_a = (long long)(a), unit_b = (long long)(b); \
		if (unit_a != unit_b) { \
			unit_here++; \
			fprintf(stderr, "%s:%d: %s = %lld, not %lld\n", __FILE__, __LINE__, #a, unit_a, unit_b); \
		} \
	} while (0)

#define CHECK_MEM(a, b, n) CHECK(memcmp((a), (b), (n)) == 0)
#define CHECK_STR(a, b) \
	do { \
		const char *unit_a = (a), *unit_b = (b); \
		if (strcmp(unit_a, unit_b) != 0) { \
			unit_here++; \
			fprintf(stderr, "%s:%d: %s = '%s', not '%s'\n", __FILE__, __LINE__, #a, unit_a, unit_b); \
		} \
	} while (0)

/* Run one test function and count it. */
#define RUN(test) \
	do { \
		unit_here = 0; \
		test(); \
		if (unit_here) { \
			unit_failed++; \
			fprintf(stderr, "FAILED %s\n", #test); \
		} else \
			unit_passed++; \
	} while (0)

#define UNIT_DONE() \
	do { \
		printf("%d passed, %d failed\n", unit_passed, unit_failed); \
		return unit_failed ? 1 : 0; \
	} while (0)

#endif
