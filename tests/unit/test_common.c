/* common: numbers with reasons, and the option loop. The file under test belongs to the tools and
 * not to the library, so it is taken in whole. */
#include "../../cmd/common.c"
#include "../../cmd/common_number.c"

#include "unit.h"

/* ---- numbers ---- */

static void good_int(const char *text, int64_t min, int64_t max, int64_t expected)
{
	char why[COMMON_WHY_MAX] = "";
	int64_t n = 77;

	CHECK_INT(common_int(&n, text, min, max, why), 0);
	CHECK_INT(n, expected);
	CHECK_STR(why, "");
}

static void bad_int(const char *text, int64_t min, int64_t max, const char *reason)
{
	char why[COMMON_WHY_MAX];
	int64_t n = 77;

	CHECK_INT(common_int(&n, text, min, max, why), -1);
	CHECK_INT(n, 77);
	CHECK_STR(why, reason);
}

static void test_int(void)
{
	good_int("0", 0, 5, 0);
	good_int("5", 0, 5, 5);
	good_int("007", 0, 10, 7);
	good_int("-3", -5, 5, -3);
	good_int("9223372036854775807", 0, INT64_MAX, INT64_MAX);
	bad_int("6", 0, 5, "'6' is out of range 0..5");
	bad_int("99999", 0, 65535, "'99999' is out of range 0..65535");
	bad_int("9223372036854775808", 0, INT64_MAX, "'9223372036854775808' is out of range 0..9223372036854775807");
	bad_int("18446744073709551617", 0, 5, "'18446744073709551617' is out of range 0..5");
	bad_int("-6", -5, 5, "'-6' is out of range -5..5");
	bad_int("", 0, 5, "'' is not a whole number");
	bad_int("-", -5, 5, "'-' is not a whole number");
	bad_int("-1", 0, 5, "'-1' is not a whole number");
	bad_int("+1", 0, 5, "'+1' is not a whole number");
	bad_int(" 1", 0, 5, "' 1' is not a whole number");
	bad_int("1 ", 0, 5, "'1 ' is not a whole number");
	bad_int("1x", 0, 5, "'1x' is not a whole number");
	bad_int("0x1", 0, 5, "'0x1' is not a whole number");
	bad_int("1.0", 0, 5, "'1.0' is not a whole number");
	bad_int("5004\n", 0, 65535, "'5004\n' is not a whole number");
}

static void duration(const char *text, int64_t expected)
{
	char why[COMMON_WHY_MAX];
	int64_t ms = -1;

	CHECK_INT(common_duration(&ms, text, 86400000, why), expected < 0 ? -1 : 0);
	CHECK_INT(ms, expected);
}

static void test_duration(void)
{
	char why[COMMON_WHY_MAX];
	int64_t ms;

	duration("0", 0);
	duration("500ms", 500);
	duration("10", 10000);
	duration("10s", 10000);
	duration("5m", 300000);
	duration("24h", 86400000);
	duration("86400000ms", 86400000);
	duration("86400001ms", -1);
	duration("25h", -1);
	duration("99999999999999999999", -1);
	duration("18446744073709551615h", -1);
	duration("", -1);
	duration("s", -1);
	duration("-1s", -1);
	duration("1d", -1);
	duration("1.5s", -1);
	duration("1 s", -1);
	duration("1S", -1);
	duration("10s ", -1);
	CHECK_INT(common_duration(&ms, "1x", 1000, why), -1);
	CHECK_STR(why, "'1x' is not a duration such as 500ms, 10s, 5m or 2h (0 = never)");
	CHECK_INT(common_duration(&ms, "2", 1000, why), -1);
	CHECK_STR(why, "'2' is too long");
}

static void size(const char *text, int ok, uint64_t expected)
{
	char why[COMMON_WHY_MAX];
	uint64_t n = 77;

	CHECK_INT(common_size(&n, text, 1, UINT64_C(1) << 40, why), ok ? 0 : -1);
	CHECK(n == (ok ? expected : 77));
}

static void test_size(void)
{
	char why[COMMON_WHY_MAX];
	uint64_t n;

	size("1", 1, 1);
	size("64K", 1, 65536);
	size("64k", 1, 65536);
	size("10M", 1, 10485760);
	size("1G", 1, 1073741824);
	size("1024G", 1, UINT64_C(1) << 40);
	size("1025G", 0, 0);
	size("0", 0, 0);
	size("0K", 0, 0);
	size("", 0, 0);
	size("K", 0, 0);
	size("1KB", 0, 0);
	size("1T", 0, 0);
	size("-1", 0, 0);
	size("17179869184G", 0, 0); /* 2^64 */
	size("18446744073709551616", 0, 0);
	CHECK_INT(common_size(&n, "2G", 1024, 1 << 30, why), -1);
	CHECK_STR(why, "'2G' is out of range 1K..1G");
	CHECK_INT(common_size(&n, "big", 0, 1000, why), -1);
	CHECK_STR(why, "'big' is not a size such as 512, 64K, 10M or 1G");
}

static void test_port(void)
{
	char why[COMMON_WHY_MAX];
	uint16_t port;

	CHECK_INT(common_port(&port, "65535", false, why), 0);
	CHECK_INT(port, 65535);
	CHECK_INT(common_port(&port, "0", true, why), 0);
	CHECK_INT(port, 0);
	CHECK_INT(common_port(&port, "0", false, why), -1);
	CHECK_STR(why, "'0' is out of range 1..65535");
	CHECK_INT(common_port(&port, "65536", true, why), -1);
	CHECK_INT(common_port(&port, "http", true, why), -1);
}

/* A very long text is repeated in part only. */
static void test_long_text(void)
{
	char text[5000], why[COMMON_WHY_MAX];
	int64_t n;

	memset(text, '9', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_INT(common_int(&n, text, 0, 5, why), -1);
	CHECK_STR(why, "'9999999999999999999999999999999999999999' is out of range 0..5");
}

/* ---- options ---- */

static const struct option longs[] = {
    {"port", required_argument, NULL, 'p'},
    {"stats", optional_argument, NULL, 256},
    {"echo", no_argument, NULL, 257},
    {"echo-all", no_argument, NULL, 258},
    {"verbose", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static const int repeatable[] = {'v', 0};

/* Run the loop over a command line; what it saw as one text, and what it said on stderr. */
static void options(const char *line, const char *expected, const char *message)
{
	static char said[1024];
	char copy[256], seen[512] = "", *argv[20] = {"tool"};
	struct common_args a = {.prog = "tool", .shorts = "p:vx", .longs = longs, .repeatable = repeatable};
	FILE *f = tmpfile(), *real = stderr;
	size_t n = 0;
	int option;

	snprintf(copy, sizeof(copy), "%s", line);
	a.argc = 1;
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[a.argc++] = word;
	a.argv = argv;
	optind = 0; /* as glibc wants it to start again */
	stderr = f;
	while ((option = common_next(&a)) > 0)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s=%s ", a.name, a.value ? a.value : "");
	stderr = real;
	n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%d:", option);
	for (int i = 0; option == 0 && i < a.noperands; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, " %s", a.operands[i]);
	for (int i = 0; option == 0 && a.rest && i < a.nrest; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "%s%s", i ? " " : " -- ", a.rest[i]);
	if (option == 0 && a.rest && a.nrest == 0)
		snprintf(seen + n, sizeof(seen) - n, " --");
	CHECK_STR(seen, expected);
	rewind(f);
	said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
	fclose(f);
	if (!strstr(said, message) || (!*message && *said)) {
		fprintf(stderr, "%s: %s\n", line, said);
		CHECK_STR(said, message);
	}
}

static void test_options(void)
{
	options("", "0:", "");
	options("-p 5 -v", "-p=5 -v= 0:", "");
	options("-vp5", "-v= -p=5 0:", "");
	options("--port 5 --port=6", "--port=5 -1:", "option '--port' was given twice");
	options("--port=5", "--port=5 0:", "");
	options("--port=", "--port= 0:", "");
	options("--stats --echo", "--stats= --echo= 0:", "");
	options("--stats=json", "--stats=json 0:", "");
	options("-v -v --verbose", "-v= -v= --verbose= 0:", "");
	options("-p 1 --port 2", "-p=1 -1:", "option '--port' was given twice");
}

static void test_operands(void)
{
	options("host 5004", "0: host 5004", "");
	options("host -v 5004 -p 1", "-v= -p=1 0: host 5004", "");
	options("-", "0: -", "");
	options("host --", "0: host --", "");
	options("--", "0: --", "");
	options("host 1 -- cat -n --port", "0: host 1 -- cat -n --port", "");
	options("-v -- cat -- x", "-v= 0: -- cat -- x", "");
	options("-p -- host", "-p=-- 0: host", "");
	options("-p --", "-p=-- 0:", "");
	options("a -- -- b", "0: a -- -- b", "");
}

static void test_wrong_options(void)
{
	options("-q", "-1:", "tool: unknown option '-q'\nTry 'tool --help'.\n");
	options("-vq", "-v= -1:", "unknown option '-q'");
	options("host --foo=1", "-1:", "unknown option '--foo'\n");
	options("--por 5", "-1:", "unknown option '--por' (did you mean '--port'?)");
	options("--por=5", "-1:", "unknown option '--por' (did you mean '--port'?)");
	options("--ech", "-1:", "unknown option '--ech'\n");
	options("--echo-a", "-1:", "unknown option '--echo-a' (did");
	options("--port", "-1:", "option '--port' needs a value");
	options("--por", "-1:", "unknown option '--por'\n");
	options("host -p", "-1:", "option '-p' needs a value");
	options("-vp", "-v= -1:", "option '-p' needs a value");
	options("--echo=1", "-1:", "option '--echo' takes no value");
}

/* A closed descriptor is filled, a broken pipe is an error and not a signal, no core is left. */
static void test_init(void)
{
	int fds[2], in = dup(0);

	close(0);
	CHECK_INT(common_init("tool"), 0);
	CHECK_INT(write(0, "x", 1), 1); /* /dev/null, for writing: reading from it fails */
	CHECK_INT(read(0, &fds, 1), -1);
	if (in >= 0) {
		dup2(in, 0);
		close(in);
	}
#ifdef __linux__
	CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
#endif
	CHECK_INT(pipe(fds), 0);
	close(fds[0]);
	CHECK_INT(write(fds[1], "x", 1), -1);
	CHECK_INT(errno, EPIPE);
	close(fds[1]);
	CHECK_INT(raise(SIGUSR1), 0); /* and is still here */
}

static void test_fail(void)
{
	const struct error e = {.code = ERROR_AUTH, .text = "no\x1b"};
	char said[64] = "";
	FILE *f = tmpfile(), *real = stderr;
	int status;

	stderr = f;
	status = common_fail("tool", &e);
	stderr = real;
	CHECK_INT(status, 5);
	rewind(f);
	CHECK(fgets(said, sizeof(said), f) != NULL);
	CHECK_STR(said, "tool: no\\x1b\n");
	fclose(f);
	CHECK_INT(common_conflict("tool", "-a", NULL), 0);
	CHECK_INT(common_conflict("tool", NULL, "-b"), 0);
}

int main(void)
{
	RUN(test_init);
	RUN(test_fail);
	RUN(test_int);
	RUN(test_duration);
	RUN(test_size);
	RUN(test_port);
	RUN(test_long_text);
	RUN(test_options);
	RUN(test_operands);
	RUN(test_wrong_options);
	UNIT_DONE();
}
