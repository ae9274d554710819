#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "crypto/secret.h"
#include "run/printable.h"

#define MESSAGE_MAX 1024

/* ---- messages ---- */

static void common_say(const char *prog, const char *format, va_list ap)
{
	char text[MESSAGE_MAX], safe[2 * MESSAGE_MAX];

	vsnprintf(text, sizeof(text), format, ap);
	fprintf(stderr, "%s: %s\n", prog, printable(safe, sizeof(safe), text, strlen(text)));
}

void common_warn(const char *prog, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	common_say(prog, format, ap);
	va_end(ap);
}

int common_usage(const char *prog, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	common_say(prog, format, ap);
	va_end(ap);
	return common_try(prog, COMMON_USAGE);
}

int common_try(const char *prog, int status)
{
	if (status == COMMON_USAGE)
		fprintf(stderr, "Try '%s --help'.\n", prog);
	return status;
}

int common_bad(const struct common_args *a, const char *why)
{
	return common_usage(a->prog, "%s: %s", a->name, why);
}

int common_conflict(const char *prog, const char *one, const char *other)
{
	if (!one || !other)
		return 0;
	return common_usage(prog, "%s and %s cannot be used together", one, other);
}

int common_fail(const char *prog, const struct error *e)
{
	common_warn(prog, "%s", e->text);
	return error_status(e->code);
}

/* ---- the option loop ---- */

/* The word in argv that held the option just found: options are taken in order, so it is the
 * last one consumed, or the one before its argument. */
static const char *common_word(const struct common_args *a)
{
	bool apart = optarg && optind >= 2 && optarg == a->argv[optind - 1];

	return a->argv[optind - (apart ? 2 : 1)];
}

static int common_unknown(const struct common_args *a, int at)
{
	const char *word = a->argv[at];

	if (strncmp(word, "--", 2) == 0)
		common_usage(a->prog, "unknown option '%.*s'", (int)strcspn(word, "="), word);
	else
		common_usage(a->prog, "unknown option '-%c'", optopt);
	return -1;
}

/* The long option that ${word} spells out, value or not; NULL if none. */
static const struct option *common_exact(const struct common_args *a, const char *word)
{
	size_t len = strcspn(word, "=");

	if (strncmp(word, "--", 2) != 0)
		return NULL;
	for (const struct option *o = a->longs; o->name; o++)
		if (strlen(o->name) == len - 2 && strncmp(o->name, word + 2, len - 2) == 0)
			return o;
	return NULL;
}

/* getopt_long(3) has one '?' for two things: tell them apart. */
static int common_wrong(const struct common_args *a, int at)
{
	const struct option *o = common_exact(a, a->argv[at]);

	if (!o || o->has_arg != no_argument)
		return common_unknown(a, at);
	common_usage(a->prog, "option '--%s' takes no value", o->name);
	return -1;
}

static int common_missing(const struct common_args *a, int at)
{
	const char *word = a->argv[at];

	if (strncmp(word, "--", 2) == 0 && !common_exact(a, word))
		return common_unknown(a, at);
	if (strncmp(word, "--", 2) == 0)
		common_usage(a->prog, "option '%s' needs a value", word);
	else
		common_usage(a->prog, "option '-%c' needs a value", optopt);
	return -1;
}

static bool common_repeatable(const struct common_args *a, int value)
{
	for (const int *r = a->repeatable; r && *r; r++)
		if (*r == value)
			return true;
	return false;
}

/* The option's name as it was typed; -1 if a long one was abbreviated: what is unique today
 * may be ambiguous, or mean something else, tomorrow. */
static int common_name(struct common_args *a, int value, int index)
{
	const char *word = common_word(a);

	if (index < 0) {
		snprintf(a->typed, sizeof(a->typed), "-%c", value);
	} else if (strcspn(word + 2, "=") == strlen(a->longs[index].name)) {
		snprintf(a->typed, sizeof(a->typed), "--%s", a->longs[index].name);
	} else {
		common_usage(a->prog, "unknown option '%.*s' (did you mean '--%s'?)",
		    (int)strcspn(word, "="), word, a->longs[index].name);
		return -1;
	}
	a->name = a->typed;
	return 0;
}

/* ${at}: where the last call began, which is at "--" if there was one. */
static int common_end(struct common_args *a, int at)
{
	if (optind == at + 1) {
		a->rest = a->argv + optind;
		a->nrest = a->argc - optind;
	}
	return 0;
}

int common_next(struct common_args *a)
{
	char shorts[128];
	int value, index, at;

	if (!a->operands) {
		a->operands = a->argv + 1;
		opterr = 0;
	}
	snprintf(shorts, sizeof(shorts), "-:%s", a->shorts);
	for (;;) {
		index = -1;
		at = optind ? optind : 1; /* 0 asks glibc to begin again */
		value = getopt_long(a->argc, a->argv, shorts, a->longs, &index);
		if (value != 1)
			break;
		a->operands[a->noperands++] = optarg; /* only where getopt has been already */
	}
	if (value == -1)
		return common_end(a, at);
	if (value == '?')
		return common_wrong(a, at);
	if (value == ':')
		return common_missing(a, at);
	if (common_name(a, value, index))
		return -1;
	if (common_given(a, value) && !common_repeatable(a, value)) {
		common_usage(a->prog, "option '%s' was given twice", a->name);
		return -1;
	}
	if (value < COMMON_OPTIONS)
		a->seen[value] = 1;
	a->value = optarg;
	return value;
}

bool common_given(const struct common_args *a, int value)
{
	return value > 0 && value < COMMON_OPTIONS && a->seen[value];
}

/* ---- output and exit ---- */

int common_close_stdout(const char *prog, int status)
{
	bool bad = ferror(stdout);

	if (fclose(stdout))
		bad = true;
	if (!bad || status)
		return status;
	common_warn(prog, "cannot write to standard output: %s", strerror(errno));
	return error_status(ERROR_IO);
}

int common_secret_output(const char *prog, bool terminal, struct error *e)
{
	struct stat st;

	if (!terminal && isatty(STDOUT_FILENO))
		return error_set(e, ERROR_SAFETY, BLAME_LOCAL,
		    "will not show a secret on a terminal (--force does)");
	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077))
		common_warn(prog, "warning: this secret goes to a file that others can open (%04o)",
		    (unsigned)(st.st_mode & 07777));
	return 0;
}

int common_version(const char *prog, const char *features)
{
	printf("%s (vault-tools) %s\n", prog, COMMON_VERSION);
	printf("libsodium %s%s%s, AES hardware: %s\n", sodium_version_string(), features ? ", " : "",
	    features ? features : "", crypto_aead_aes256gcm_is_available() ? "yes" : "no");
	return common_close_stdout(prog, 0);
}

int common_help(const char *prog, const char *const parts[])
{
	for (; *parts; parts++)
		fputs(*parts, stdout);
	return common_close_stdout(prog, 0);
}

int common_exit(int status)
{
	int number = status - 128;

	if (number == SIGINT || number == SIGTERM || number == SIGHUP) {
		fflush(NULL);
		signal(number, SIG_DFL);
		raise(number);
	}
	return status;
}

/* A file opened later must not become one of the standard descriptors. */
static int common_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

int common_init(const char *prog)
{
	if (common_descriptors())
		return 1;
#ifdef __linux__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGUSR1, SIG_IGN); /* whoever asks for figures before there are any shall not end us */
	if (secret_init()) {
		common_warn(prog, "libsodium cannot be initialised");
		return error_status(ERROR_IO);
	}
	json_object_seed(randombytes_random() | 1); /* or the first object reads a file for it, which a sandbox may hide */
	return 0;
}
