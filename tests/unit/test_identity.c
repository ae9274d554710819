/* identity: what is written is there or is not, whole, and for its owner alone. */
#include "keyfile_dir.h"

#include <signal.h>
#include <sys/resource.h>

static mode_t mode_of(const char *name)
{
	struct stat st;

	return stat(name, &st) ? 0 : st.st_mode & 07777;
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

/* What is in the directory, besides "." and "..". */
static int entries(void)
{
	char command[300];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", dir);
	f = popen(command, "r");
	CHECK(f && fscanf(f, "%d", &n) == 1);
	if (f)
		pclose(f);
	return n;
}

static void test_write(void)
{
	const struct key k = {KEY_SECRET, {7}}, k2 = {KEY_SECRET, {8}};
	char comment[KEYFILE_COMMENT_MAX], at[300];
	struct error e = {.code = ERROR_OK}, e2 = e, e3 = e;
	struct key *back, pub, pub2;

	unlink(path);
	umask(0);
	CHECK_INT(identity_write(path, &k, &(struct identity_new){.comment = "carol"}, false, &e), 0);
	CHECK_INT(mode_of(path), 0600);
	CHECK_INT(mode_of(pubpath), 0644);
	CHECK_INT(keyfile_read_secret(&back, comment, path, NULL, &e), 0);
	CHECK_MEM(back, &k, sizeof(k));
	CHECK_STR(comment, "carol");
	secret_free(back);
	snprintf(at, sizeof(at), "@%s", pubpath);
	CHECK_INT(keyfile_read_public(&pub, comment, at, &e), 0);
	CHECK_INT(key_public(&pub2, &k), 0);
	CHECK_MEM(pub.bytes, pub2.bytes, KEY_BYTES);

	CHECK_INT(identity_write(path, &k2, &(struct identity_new){.comment = ""}, false, &e2), -1);
	CHECK_INT(e2.code, ERROR_IO);
	CHECK(strstr(e2.text, "exists already") != NULL);
	CHECK_INT(keyfile_read_secret(&back, NULL, path, NULL, &e), 0);
	CHECK_INT(back->bytes[0], 7);
	secret_free(back);

	umask(077);
	CHECK_INT(identity_write(path, &k2, &(struct identity_new){.comment = ""}, true, &e3), 0);
	CHECK_INT(mode_of(pubpath), 0600);
	CHECK_INT(keyfile_read_secret(&back, NULL, path, NULL, &e), 0);
	CHECK_INT(back->bytes[0], 8);
	secret_free(back);
	CHECK_INT(entries(), 2);
	umask(022);
}

static void test_write_makes_directories(void)
{
	char deep[300], name[400];
	const struct key k = {KEY_PSK, {7}};
	struct error e = {.code = ERROR_OK};

	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	snprintf(name, sizeof(name), "%s/psk", deep);
	CHECK_INT(identity_write(name, &k, &(struct identity_new){.comment = ""}, false, &e), 0);
	CHECK_INT(mode_of(deep), 0700);
	CHECK(there(name));
	unlink(name);
	rmdir(deep);
	*strrchr(deep, '/') = '\0';
	CHECK_INT(rmdir(deep), 0);
}

static void write_fails(const char *name, bool force, const char *message)
{
	const struct key k = {KEY_SECRET, {7}};
	struct error e = {.code = ERROR_OK};

	CHECK_INT(identity_write(name, &k, &(struct identity_new){.comment = ""}, force, &e), -1);
	CHECK_INT(e.code, ERROR_IO);
	if (!strstr(e.text, message))
		CHECK_STR(e.text, message);
}

static void test_write_fails(void)
{
	char name[300];
	int before;

	unlink(path);
	unlink(pubpath);
	before = entries();
	/* The public file is in the way: the secret one goes, too. */
	put_text(pubpath, 0644, "mine\n");
	write_fails(path, false, "exists already");
	CHECK(!there(path));
	CHECK(there(pubpath));
	unlink(pubpath);
	/* A dangling link is not followed. */
	snprintf(name, sizeof(name), "%s/target", dir);
	CHECK_INT(symlink(name, path), 0);
	write_fails(path, false, "exists already");
	write_fails(path, true, "not a regular file");
	CHECK(!there(name));
	unlink(path);
	write_fails("/dev/full", false, "exists already");
	write_fails("/dev/full", true, "not a regular file");
	write_fails("/proc/version/identity", false, "Not a directory");
	write_fails("/proc/nowhere/identity", false, "create the directory");
	CHECK_INT(entries(), before);
}

/* A limit on file sizes stands in for a full disk: nothing is left, and old files stay whole. */
static void test_write_full(void)
{
	struct rlimit old, none;
	char line[KEYTEXT_MAX];

	signal(SIGXFSZ, SIG_IGN);
	unlink(path);
	CHECK_INT(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (rlim_t limit = 0; limit < 100; limit += 33) {
		none = old;
		none.rlim_cur = limit;
		CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
		write_fails(path, false, "File too large");
		CHECK(!there(path) && !there(pubpath));
		CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	}
	put_text(path, 0600, "old\n");
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &none), 0);
	write_fails(path, true, "File too large");
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &old), 0);
	FILE *f = fopen(path, "r");
	CHECK(f && fgets(line, sizeof(line), f) && strcmp(line, "old\n") == 0);
	if (f)
		fclose(f);
	CHECK_INT(entries(), 1);
}

static void check_case(enum error_code code, const char *message)
{
	struct error e = {.code = ERROR_OK};
	struct keyfile_found *k = NULL;

	CHECK_INT(identity_check(&k, path, &e), code ? -1 : 0);
	CHECK_INT(e.code, code);
	if (!strstr(e.text, message))
		CHECK_STR(e.text, message);
	secret_free(k);
}

static void test_check(void)
{
	const struct key k = {KEY_SECRET, {7}};
	const uint8_t raw[KEY_BYTES] = {7};
	char text[KEYTEXT_MAX];

	unlink(path);
	unlink(pubpath);
	CHECK_INT(identity_write(path, &k, &(struct identity_new){.comment = ""}, false, NULL), 0);
	check_case(ERROR_OK, "");
	CHECK_INT(chmod(path, 0640), 0);
	check_case(ERROR_SAFETY, "0640");
	CHECK_INT(chmod(path, 0600), 0);
	key_text(text, KEY_XPUBLIC);
	put_text(pubpath, 0644, text);
	check_case(ERROR_IO, "is not the public key of");
	unlink(pubpath);
	put(path, 0600, raw, sizeof(raw));
	check_case(ERROR_OK, "");
	put(path, 0644, raw, sizeof(raw));
	check_case(ERROR_SAFETY, "0644");
	put_text(path, 0644, "rubbish\n");
	check_case(ERROR_IO, ":1: not a key");
}

int main(void)
{
	if (keyfile_dir_begin())
		return 1;
	RUN(test_write);
	RUN(test_write_makes_directories);
	RUN(test_write_fails);
	RUN(test_write_full);
	RUN(test_check);
	RUN(test_nothing_left);
	UNIT_DONE();
}
