#include "passphrase.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "crypto/secret.h"
#include "keyfile_load.h"
#include "printable.h"

#define TRIES 3
#define TARGET_MS 700
#define KIB_FIRST (64 * 1024)
#define KIB_MOST (256 * 1024)
#define KIB_LEAST (8 * 1024)
#define PASSES_LEAST 2 /* RFC 9106 wants three for 64 MiB on a server; one is the least that is defined */
#define PROMPT_MAX (512 + 64)

/* ---- sources ---- */

static int too_long(const char *name, struct error *e)
{
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: longer than a passphrase may be (%d bytes)", name,
	    PASSPHRASE_MAX - 1);
}

static int load_file(struct passphrase *from, const char *path, struct error *e)
{
	struct keyfile_content *c = keyfile_load(path, e);
	int rc = -1;

	if (!c)
		return -1;
	if (keyfile_safe(&c->st, path, e) == 0) {
		if (c->len >= (size_t)2 * PASSPHRASE_MAX) {
			rc = too_long(path, e);
		} else {
			memcpy(from->text, c->text, from->len = c->len);
			rc = 0;
		}
	}
	keyfile_unload(c);
	return rc;
}

static int load_fd(struct passphrase *from, struct error *e)
{
	char name[32];
	int rc;

	snprintf(name, sizeof name, "descriptor %d", from->fd);
	rc = keyfile_slurp(from->fd, name, from->text, (size_t)2 * PASSPHRASE_MAX - 1, &from->len, e);
	if (from->fd > STDERR_FILENO)
		close(from->fd);
	return rc;
}

/* 1: what was given has been read; 0: the terminal it is; -1. */
static int load(struct passphrase *from, struct error *e)
{
	char path[KEYFILE_PATH_MAX];
	bool credential = !from->file && from->fd < 0 && keyfile_credential(path, PASSPHRASE_CREDENTIAL);

	if (!from->file && from->fd < 0 && !credential)
		return 0;
	if (from->loaded)
		return 1;
	from->text = secret_alloc((size_t)2 * PASSPHRASE_MAX);
	if (!from->text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for a passphrase");
	if (!from->file && from->fd >= 0 ? load_fd(from, e) : load_file(from, from->file ? from->file : path, e))
		return -1;
	from->loaded = true;
	return 1;
}

/* Line ${n} (from 0) of what was read; NULL if there are not so many. */
static const char *line_of(const struct passphrase *from, int n, size_t *len)
{
	const char *p = from->text, *end = p + from->len, *newline;

	for (; n >= 0; n--) {
		if (p == end)
			return NULL;
		newline = memchr(p, '\n', (size_t)(end - p));
		*len = (size_t)((newline ? newline : end) - p);
		if (n == 0)
			break;
		p = newline ? newline + 1 : end;
	}
	if (*len > 0 && p[*len - 1] == '\r')
		--*len;
	return p;
}

void passphrase_free(struct passphrase *from)
{
	secret_free(from->text);
	from->text = NULL;
	from->len = 0;
	from->loaded = from->used = false;
}

/* ---- opening ---- */

static int try(struct key *k, const struct keyseal *s, const char *passphrase, size_t len, const char *path,
    struct error *e)
{
	switch (keyseal_open(k, s, passphrase, len)) {
	case KEYSEAL_OK:
		return 0;
	case KEYSEAL_E_MEMORY:
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: not enough memory to unlock this key: it takes %u MiB",
		    path, (unsigned)(s->kib + 1023) / 1024);
	case KEYSEAL_E_PASSPHRASE:
		return error_set(e, ERROR_AUTH, BLAME_LOCAL, "%s: wrong passphrase: start again with the right one", path);
	default:
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the public key in it is not that of its secret key",
		    path);
	}
}

static int open_asked(struct key *k, const struct keyseal *s, const char *path, const char *remedy, struct error *e)
{
	char *text, safe[512], prompt[PROMPT_MAX];
	int rc = -1;

	if (!ask_possible())
		return error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: locked with a passphrase, and there is no terminal to ask on: %s", path, remedy);
	text = secret_alloc(PASSPHRASE_MAX);
	if (!text)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for a passphrase");
	printable(safe, sizeof safe, path, strlen(path));
	for (int i = 0; i < TRIES && rc < 0; i++) {
		struct error wrong = {.code = ERROR_OK};

		snprintf(prompt, sizeof prompt, "%sPassphrase for %s: ", i ? "Wrong. " : "", safe);
		if (ask_hidden(text, PASSPHRASE_MAX, prompt, &wrong) == 0)
			rc = try(k, s, text, strlen(text), path, &wrong);
		if (rc < 0 && (wrong.code != ERROR_AUTH || i == TRIES - 1)) {
			error_set(e, wrong.code, wrong.blame, "%s", wrong.text);
			break;
		}
	}
	secret_free(text);
	return rc;
}

static int open_from(struct key *k, const struct keyseal *s, const char *path, struct passphrase *from,
    const char *remedy, struct error *e)
{
	const char *line;
	size_t len;
	int rc = load(from, e);

	if (rc <= 0)
		return rc < 0 ? -1 : open_asked(k, s, path, remedy, e);
	from->used = true;
	line = line_of(from, 0, &len);
	if (!line || len == 0)
		return error_set(e, ERROR_AUTH, BLAME_LOCAL, "%s: locked, and the passphrase given is empty", path);
	return try(k, s, line, len, path, e);
}

int passphrase_open(struct key *k, const struct keyseal *s, const char *path, struct passphrase *from,
    struct error *e)
{
	struct passphrase none = PASSPHRASE_NONE;
	int rc;

	if (from)
		return open_from(k, s, path, from, "give --passphrase-file or --passphrase-fd", e);
	rc = open_from(k, s, path, &none, "give it as the credential " PASSPHRASE_CREDENTIAL, e);
	passphrase_free(&none);
	return rc;
}

/* ---- locking ---- */

static int64_t cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What one derivation shall cost: measured in processor time, for others may be busy here just now. Memory
 * first (it is what an attacker's hardware has least of), but at most an eighth of what there is. */
static void measure(struct keyseal *s)
{
	const struct key any = {.form = KEY_PSK};
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t most = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 8 / 1024 : KIB_FIRST;
	int64_t began, took;
	uint32_t total;

	s->passes = PASSES_LEAST;
	s->kib = KIB_FIRST;
	do {
		began = cpu_ms();
		if (keyseal_lock(s, &any, "measure", 7, &secret_rng) == KEYSEAL_OK)
			break;
		s->kib /= 2;
	} while (s->kib >= KIB_LEAST);
	took = cpu_ms() - began;
	total = (uint32_t)(TARGET_MS * PASSES_LEAST / (took > 0 ? took : 1));
	while (total >= 2 * 3 && s->kib * 2 <= KIB_MOST && s->kib * 2 <= most) {
		total /= 2;
		s->kib *= 2;
	}
	s->passes = total < PASSES_LEAST ? PASSES_LEAST : total > KEYSEAL_PASSES_MAX ? KEYSEAL_PASSES_MAX : total;
}

static int lock_with(struct keyseal *s, const struct key *k, const char *text, size_t len, const char *path,
    struct error *e)
{
	int rc;

	measure(s);
	while ((rc = keyseal_lock(s, k, text, len, &secret_rng)) == KEYSEAL_E_MEMORY && s->kib / 2 >= KIB_LEAST) {
		s->kib /= 2;
		s->passes *= 2;
	}
	if (rc == KEYSEAL_OK)
		return 0;
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", path,
	    rc == KEYSEAL_E_MEMORY ? "not enough memory to lock it with a passphrase" : "only secret keys can be locked");
}

/* Twice the same; ${text} and ${again} have room for one each. */
static int ask_twice(char *text, char *again, const char *path, bool empty, struct error *e)
{
	char safe[512], prompt[PROMPT_MAX];

	printable(safe, sizeof safe, path, strlen(path));
	for (int i = 0; i < TRIES; i++) {
		snprintf(prompt, sizeof prompt, "%sNew passphrase for %s%s: ", i ? "These were not the same. " : "", safe,
		    empty ? " (empty for none)" : "");
		if (ask_hidden(text, PASSPHRASE_MAX, prompt, e) || ask_hidden(again, PASSPHRASE_MAX, "The same again: ", e))
			return -1;
		if (strcmp(text, again) == 0)
			return 0;
	}
	return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the two passphrases were not the same", path);
}

static int lock_asked(struct keyseal *s, const struct key *k, const char *path, bool empty, struct error *e)
{
	char *text = secret_alloc(PASSPHRASE_MAX), *again = secret_alloc(PASSPHRASE_MAX);
	int rc = -1;

	if (!text || !again)
		error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for a passphrase");
	else if (!ask_possible())
		error_set(e, ERROR_IO, BLAME_LOCAL,
		    "%s: there is no terminal to ask for a passphrase on: give --passphrase-file or --passphrase-fd", path);
	else if (ask_twice(text, again, path, empty, e) == 0) {
		if (*text)
			rc = lock_with(s, k, text, strlen(text), path, e);
		else
			rc = empty ? 1 : error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the passphrase is empty", path);
	}
	secret_free(text);
	secret_free(again);
	return rc;
}

int passphrase_lock(struct keyseal *s, const struct key *k, const char *path, bool empty,
    struct passphrase *from, struct error *e)
{
	const char *line;
	size_t len = 0;
	int rc = load(from, e);

	if (rc <= 0)
		return rc < 0 ? -1 : lock_asked(s, k, path, empty, e);
	line = line_of(from, from->used ? 1 : 0, &len);
	if (!line)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: no new passphrase was given%s", path,
		    from->used ? " (it is the second line, after the current one)" : "");
	if (len == 0)
		return empty ? 1 : error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the passphrase is empty", path);
	if (len >= PASSPHRASE_MAX)
		return too_long(path, e);
	if (memchr(line, '\0', len))
		return error_set(e, ERROR_IO, BLAME_LOCAL, "%s: the passphrase has a zero byte in it", path);
	return lock_with(s, k, line, len, path, e);
}
