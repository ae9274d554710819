/* keyfile_dir: a directory for tests of key files, and what they put into it and look for in it. */
#ifndef KEYFILE_DIR_H
#define KEYFILE_DIR_H

#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "run/identity.h"
#include "run/keyfile.h"

static char dir[] = "/tmp/vault-keyfile.XXXXXX";
static char path[256], pubpath[260];

static inline void put(const char *name, mode_t mode, const void *data, size_t len)
{
	int fd;

	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0);
	CHECK_INT(write(fd, data, len), (ssize_t)len);
	CHECK_INT(fchmod(fd, mode), 0);
	CHECK_INT(close(fd), 0);
}

static inline void put_text(const char *name, mode_t mode, const char *text)
{
	put(name, mode, text, strlen(text));
}

static inline void key_text(char out[KEYTEXT_MAX], enum key_form form)
{
	struct key k = {KEY_SECRET, {7}}, pub;

	if (form == KEY_PUBLIC || form == KEY_XPUBLIC) {
		k.form = form == KEY_PUBLIC ? KEY_SECRET : KEY_XSECRET;
		CHECK_INT(key_public(&pub, &k), KEYTEXT_OK);
		k = pub;
	} else {
		k.form = form;
	}
	keytext_format(out, &k);
}

static inline int keyfile_dir_begin(void)
{
	if (secret_init() || !mkdtemp(dir))
		return -1;
	umask(022);
	snprintf(path, sizeof(path), "%s/key", dir);
	snprintf(pubpath, sizeof(pubpath), "%s.pub", path);
	return 0;
}

/* The last test of all: nothing but these two may be there. */
static inline void test_nothing_left(void)
{
	unlink(path);
	unlink(pubpath);
	CHECK_INT(rmdir(dir), 0);
}

#endif
