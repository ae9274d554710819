#include "udp_kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyfile.h"
#include "log.h"
#include "udp_address.h"

#define FILE_MOST (KEYFILE_MAX - 1)
#define LINE_MOST (ADDRESS_TEXTMAX + 2 * KEYTEXT_MAX + 3)

static bool path_of(char out[KEYFILE_PATH_MAX])
{
	const char *base = getenv("XDG_STATE_HOME"), *below = "";
	int n;

	if (!base || base[0] != '/') {
		base = getenv("HOME");
		below = "/.local/state";
	}
	if (!base || base[0] != '/')
		return false;
	n = snprintf(out, KEYFILE_PATH_MAX, "%s%s/vault-tools/udp_peers", base, below);
	return n > 0 && n < KEYFILE_PATH_MAX;
}

/* ---- lines ---- */

static void put(struct udp_kept_file *f, const struct udp_kept *k)
{
	for (size_t i = 0; i < f->count; i++)
		if (address_same(&f->list[i].at, &k->at)) {
			f->list[i] = *k;
			return;
		}
	/* The oldest one goes. */
	if (f->count == UDP_KEPT_MOST)
		memmove(f->list, f->list + 1, --f->count * sizeof *f->list);
	f->list[f->count++] = *k;
}

static void take_line(struct udp_kept_file *f, char *line)
{
	char *rest = NULL, *at = strtok_r(line, " ", &rest), *sign = strtok_r(NULL, " ", &rest), *enc = strtok_r(NULL, " ", &rest);
	struct udp_kept k = {0};
	struct error e = {0};
	struct address a;
	struct key key;

	if (!enc || address_parse(&a, at, NULL, false, &e) < 0 || !a.has_port || !udp_address_numeric(&k.at, &a))
		return;
	if (keytext_parse(&key, sign, strlen(sign)) != KEYTEXT_OK || key.form != KEY_PUBLIC)
		return;
	memcpy(k.sign, key.bytes, 32);
	if (keytext_parse(&key, enc, strlen(enc)) != KEYTEXT_OK || key.form != KEY_XPUBLIC)
		return;
	memcpy(k.enc, key.bytes, 32);
	put(f, &k);
}

static size_t format(char line[LINE_MOST], const struct udp_kept *k)
{
	struct key sign = {.form = KEY_PUBLIC}, enc = {.form = KEY_XPUBLIC};
	char at[ADDRESS_TEXTMAX], sign_text[KEYTEXT_MAX], enc_text[KEYTEXT_MAX];
	int n;

	memcpy(sign.bytes, k->sign, 32);
	memcpy(enc.bytes, k->enc, 32);
	keytext_format(sign_text, &sign);
	keytext_format(enc_text, &enc);
	n = snprintf(line, LINE_MOST, "%s %s %s\n", udp_address_text(at, &k->at), sign_text, enc_text);
	return n > 0 && n < LINE_MOST ? (size_t)n : 0;
}

/* ---- the file ---- */

/* Appended to for long: only what counts is written again. */
static void shorten(const struct udp_kept_file *f)
{
	char line[LINE_MOST];

	if (ftruncate(f->fd, 0) < 0)
		return;
	for (size_t i = 0; i < f->count; i++) {
		size_t n = format(line, &f->list[i]);

		if (write(f->fd, line, n) != (ssize_t)n)
			return;
	}
}

static void load(struct udp_kept_file *f, const char *path)
{
	static char text[FILE_MOST + 1];
	struct error e = {0};
	char *rest = NULL;
	size_t len;

	if (keyfile_slurp(f->fd, path, text, FILE_MOST, &len, &e) < 0) {
		log_info(1, "%s", e.text);
		(void)!ftruncate(f->fd, 0);
		return;
	}
	text[len] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		take_line(f, line);
	if (len > FILE_MOST / 2)
		shorten(f);
}

struct udp_kept_file *udp_kept_open(void)
{
	struct udp_kept_file *f = calloc(1, sizeof *f);
	char path[KEYFILE_PATH_MAX];
	struct error e = {0};
	struct stat st;

	if (!f)
		return NULL;
	f->fd = -1;
	if (!path_of(path) || keyfile_mkdir(path, &e) < 0) {
		log_info(1, "keys of py-vault-udp are not kept: %s", e.text[0] ? e.text : "HOME is not set");
		return f;
	}
	f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (f->fd < 0) {
		log_info(1, "keys of py-vault-udp are not kept: %s: %s", path, strerror(errno));
		return f;
	}
	if (fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0) {
		load(f, path);
		return f;
	}
	log_warn("%s is not ours alone, and not used", path);
	close(f->fd);
	f->fd = -1;
	return f;
}

void udp_kept_note(struct udp_kept_file *f, const struct peer *p)
{
	struct udp_kept k = {.at = p->at};
	char line[LINE_MOST];
	size_t n;

	if (!f || f->fd < 0 || p->kind != PEER_UPSTREAM || p->at.scope != 0)
		return;
	memcpy(k.sign, p->sign, 32);
	memcpy(k.enc, p->theirs[0], 32);
	for (size_t i = 0; i < f->count; i++)
		if (address_same(&f->list[i].at, &k.at) && memcmp(f->list[i].enc, k.enc, 32) == 0 &&
		    memcmp(f->list[i].sign, k.sign, 32) == 0)
			return;
	put(f, &k);
	n = format(line, &k);
	if (n > 0 && write(f->fd, line, n) != (ssize_t)n)
		log_info(1, "a key of py-vault-udp was not kept: %s", strerror(errno));
}

void udp_kept_close(struct udp_kept_file *f)
{
	if (f && f->fd >= 0)
		close(f->fd);
	free(f);
}
