/* vault-keygen: make, show, check and convert keys. */
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "crypto/keyformat.h"
#include "crypto/secret.h"
#include "proto/error.h"
#include "run/identity.h"
#include "run/keyfile.h"
#include "run/printable.h"

#define PROG "vault-keygen"

/* What was asked for; not changed after options_check(). */
struct opts {
	const char *file;
	const char *comment;
	const char *check;
	enum key_format export, import;
	enum key_part part;
	bool public, list, psk, json, force;
};

static const char help[] =
    "Usage: vault-keygen [-f FILE] [-C COMMENT] [--force] [--json]\n"
    "       vault-keygen -y | -l [-f FILE] [--json]\n"
    "       vault-keygen --check FILE [--json]\n"
    "       vault-keygen --psk [-f FILE] [--json]\n"
    "       vault-keygen --import FORMAT [--part PART | --psk] [-f FILE] < SECRET\n"
    "       vault-keygen --export FORMAT [--part PART | --psk] [-y] [-f FILE]\n"
    "Make, show, check and convert keys. Without options: make an identity, write it to\n"
    "~/.config/vault-tools/identity and identity.pub, and print the public key.\n"
    "\n"
    "  -f, --file FILE       the key file instead of the default one; a new identity goes to FILE\n"
    "                        and FILE.pub; '-' is standard input or output\n"
    "  -C, --comment TEXT    comment of a new key (default: user@host)\n"
    "  -y, --public          print the public key of a key file\n"
    "  -l, --fingerprint     print fingerprint, public key and comment of a key\n"
    "      --check FILE      say what FILE is and whether it is in order\n"
    "      --psk             a pre-shared key, to standard output or to -f FILE\n"
    "      --import FORMAT   read a secret from standard input: raw, hex, base64, wireguard\n"
    "      --export FORMAT   print a secret, or with -y the public key, in that format\n"
    "      --part PART       which key is meant: ed25519 (default) or x25519 (wireguard)\n"
    "      --force           replace existing files; show a secret on a terminal\n"
    "      --json            results as one JSON object\n"
    "  -h, --help            this text\n"
    "  -V, --version         version and features\n";

/* ---- options ---- */

enum { OPT_CHECK = 256, OPT_PSK, OPT_IMPORT, OPT_EXPORT, OPT_PART, OPT_FORCE, OPT_JSON };

static const struct option longs[] = {
    {"file", required_argument, NULL, 'f'},
    {"comment", required_argument, NULL, 'C'},
    {"public", no_argument, NULL, 'y'},
    {"fingerprint", no_argument, NULL, 'l'},
    {"check", required_argument, NULL, OPT_CHECK},
    {"psk", no_argument, NULL, OPT_PSK},
    {"import", required_argument, NULL, OPT_IMPORT},
    {"export", required_argument, NULL, OPT_EXPORT},
    {"part", required_argument, NULL, OPT_PART},
    {"force", no_argument, NULL, OPT_FORCE},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* The index of the option's value in ${names}, or 0 after a usage error. */
static int options_word(const struct common_args *a, const char *const *names, int count,
    const char *expected)
{
	for (int i = 1; i < count; i++)
		if (strcmp(a->value, names[i]) == 0)
			return i;
	common_usage(PROG, "%s: '%s' is %s", a->name, a->value, expected);
	return 0;
}

static enum key_format options_format(const struct common_args *a)
{
	return (enum key_format)options_word(a, keyformat_names, FORMAT_COUNT,
	    "none of raw, hex, base64, wireguard");
}

static int options_comment(struct opts *o, const struct common_args *a)
{
	char safe[KEYFILE_COMMENT_MAX];

	if (strlen(a->value) >= KEYFILE_COMMENT_MAX)
		return common_usage(PROG, "%s: longer than %d bytes", a->name, KEYFILE_COMMENT_MAX - 1);
	if (strcmp(printable(safe, sizeof(safe), a->value, strlen(a->value)), a->value) != 0)
		return common_usage(PROG, "%s: must be printable text on one line", a->name);
	o->comment = a->value;
	return 0;
}

/* One option. 0, or the exit status of a usage error. */
static int options_take(struct opts *o, int option, const struct common_args *a)
{
	switch (option) {
	case 'f':
		o->file = a->value;
		return *o->file ? 0 : common_bad(a, "the name is empty");
	case 'C':
		return options_comment(o, a);
	case OPT_CHECK:
		o->check = a->value;
		return 0;
	case OPT_IMPORT:
		o->import = options_format(a);
		return o->import ? 0 : COMMON_USAGE;
	case OPT_EXPORT:
		o->export = options_format(a);
		return o->export ? 0 : COMMON_USAGE;
	case OPT_PART:
		o->part = (enum key_part)options_word(a, keyformat_parts, PART_COUNT,
		    "neither ed25519 nor x25519");
		return o->part ? 0 : COMMON_USAGE;
	default: /* the others have no value: options_flags() */
		return 0;
	}
}

static void options_flags(struct opts *o, const struct common_args *a)
{
	o->public = common_given(a, 'y');
	o->list = common_given(a, 'l');
	o->psk = common_given(a, OPT_PSK);
	o->force = common_given(a, OPT_FORCE);
	o->json = common_given(a, OPT_JSON);
}

/* Two options that make no sense together, both named. */
static int options_conflicts(const struct opts *o)
{
	const char *y = o->public ? "-y" : NULL, *l = o->list ? "-l" : NULL;
	const char *check = o->check ? "--check" : NULL, *psk = o->psk ? "--psk" : NULL;
	const char *import = o->import ? "--import" : NULL, *export = o->export ? "--export" : NULL;
	const char *part = o->part ? "--part" : NULL, *json = o->json ? "--json" : NULL;
	const char *comment = o->comment ? "-C" : NULL, *file = o->file ? "-f" : NULL;
	const char *force = o->force ? "--force" : NULL;
	bool identity = !y && !l && !export && !psk;
	const char *output = file && !strcmp(o->file, "-") && identity ? "-f -" : NULL;
	const char *raw = o->export == FORMAT_RAW ? "--export raw" : NULL;
	const char *const pairs[][2] = {
	    {y, l}, {y, check}, {y, psk}, {y, import}, {l, check}, {l, psk}, {l, import}, {l, export},
	    {check, psk}, {check, import}, {check, export}, {check, file}, {import, export},
	    {comment, y}, {comment, l}, {comment, check}, {comment, export}, {psk, part},
	    {output, json}, {raw, json}, {force, y && !export ? y : NULL}, {force, l}, {force, check},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (common_conflict(PROG, pairs[i][0], pairs[i][1]))
			return COMMON_USAGE;
	return 0;
}

static int options_check(struct opts *o)
{
	if (options_conflicts(o))
		return COMMON_USAGE;
	if (o->part && !o->import && !o->export)
		return common_usage(PROG, "--part needs --import or --export");
	if (o->psk && o->export && !o->file)
		return common_usage(PROG, "--psk --export needs -f FILE, the key to be exported");
	if ((o->import == FORMAT_WIREGUARD || o->export == FORMAT_WIREGUARD) && !o->psk) {
		if (o->part == PART_ED25519)
			return common_usage(PROG, "--part: WireGuard has no ed25519 keys");
		o->part = PART_X25519;
	}
	return 0;
}

/* ---- output ---- */

/* "KEY COMMENT", with its fingerprint before it if asked for. */
static void output_line(const struct identity_facts *f, bool fingerprint)
{
	printf("%s%s%s%s%s\n", fingerprint ? f->fingerprint : "", fingerprint ? " " : "", f->public,
	    f->comment[0] ? " " : "", f->comment);
}

static json_t *output_facts(const struct identity_facts *f)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:s}", "v", 1, "public_key", f->public,
	    "x25519_public_key", f->xpublic, "fingerprint", f->fingerprint, "comment", f->comment);
}

/* ---- new keys ---- */

static int create_key(const struct opts *o, struct key *k, struct error *e)
{
	k->form = o->psk ? KEY_PSK : o->part == PART_X25519 ? KEY_XSECRET : KEY_SECRET;
	if (o->import)
		return identity_import(k, o->import, STDIN_FILENO, "standard input", e);
	secret_rng.fill(secret_rng.ctx, k->bytes, KEY_BYTES);
	return 0;
}

/* The secret on standard output: for a psk its line, for an identity the file. */
static int create_print(const struct opts *o, const struct key *k, const char *comment, struct error *e)
{
	char text[KEYTEXT_MAX], *file;
	int rc;

	if (common_secret_output(PROG, o->psk || o->force, e))
		return -1;
	if (o->json) {
		keytext_format(text, k);
		rc = common_json_print(json_pack("{s:i, s:s}", "v", 1, "psk", text), e);
		secret_wipe(text, sizeof(text));
		return rc;
	}
	file = identity_text(k, comment);
	if (!file)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	fputs(o->psk ? strchr(file, '\n') + 1 : file, stdout);
	secret_free(file);
	return 0;
}

static int create_file(const struct opts *o, const struct key *k, const char *comment,
    const char *path, struct error *e)
{
	char pubpath[KEYFILE_PATH_MAX];
	struct identity_facts facts;
	json_t *object;

	if (!o->psk && identity_facts(&facts, k, comment, e))
		return -1;
	if (identity_write(path, k, comment, o->force, e))
		return -1;
	if (!o->json) {
		if (!o->psk)
			output_line(&facts, false);
		return 0;
	}
	object = o->psk ? json_pack("{s:i}", "v", 1) : output_facts(&facts);
	common_json_text(object, "file", path);
	if (!o->psk && snprintf(pubpath, sizeof(pubpath), "%s.pub", path) < (int)sizeof(pubpath))
		common_json_text(object, "public_file", pubpath);
	return common_json_print(object, e);
}

static int run_create(const struct opts *o, struct error *e)
{
	char comment[KEYFILE_COMMENT_MAX] = "", path[KEYFILE_PATH_MAX];
	bool print = o->file ? strcmp(o->file, "-") == 0 : o->psk;
	const char *to = o->file ? o->file : path;
	struct key *k = secret_alloc(sizeof(*k));
	int rc = -1;

	if (!k)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!o->file && !print && keyfile_path(path, "identity", e))
		goto out;
	if (create_key(o, k, e))
		goto out;
	if (o->comment)
		snprintf(comment, sizeof(comment), "%s", o->comment);
	else if (!o->psk)
		identity_comment(comment);
	rc = print ? create_print(o, k, comment, e) : create_file(o, k, comment, to, e);
out:
	secret_free(k);
	return rc;
}

/* ---- existing keys ---- */

/* The file meant by -f, or the identity; NULL after an error. */
static const char *show_path(const struct opts *o, char room[KEYFILE_PATH_MAX], struct error *e)
{
	if (o->file)
		return strcmp(o->file, "-") == 0 ? "/dev/stdin" : o->file;
	return keyfile_path(room, "identity", e) ? NULL : room;
}

static int run_show(const struct opts *o, struct error *e)
{
	char comment[KEYFILE_COMMENT_MAX], room[KEYFILE_PATH_MAX];
	const char *path = show_path(o, room, e);
	struct identity_facts facts;
	struct key *k;
	int rc;

	if (!path || keyfile_read_any(&k, comment, path, NULL, e))
		return -1;
	rc = identity_facts(&facts, k, comment, e);
	secret_free(k);
	if (rc == 0 && o->json)
		return common_json_print(output_facts(&facts), e);
	if (rc == 0)
		output_line(&facts, o->list);
	return rc;
}

/* What --check found; every key has a form, all but a psk have facts. */
static int check_print(const struct opts *o, const struct key *k, const char *comment, struct error *e)
{
	static const char *const kinds[] = {"", "public key", "secret key", "pre-shared key",
	    "public key, X25519 only", "secret key, X25519 only"};
	struct identity_facts facts;
	json_t *object;

	if (k->form != KEY_PSK && identity_facts(&facts, k, comment, e))
		return -1;
	if (o->json) {
		object = k->form == KEY_PSK ? json_pack("{s:i}", "v", 1) : output_facts(&facts);
		common_json_text(object, "file", o->check);
		json_object_set_new(object, "kind", json_string(kinds[k->form]));
		json_object_set_new(object, "ok", json_true());
		return common_json_print(object, e);
	}
	printf("%s: %s", o->check, kinds[k->form]);
	if (k->form != KEY_PSK)
		printf(", %s %s", facts.fingerprint, facts.public);
	printf("%s%s\n", comment[0] ? " " : "", comment);
	return 0;
}

static int run_check(const struct opts *o, struct error *e)
{
	char comment[KEYFILE_COMMENT_MAX];
	struct error ignored = {.code = ERROR_OK};
	json_t *object;
	struct key *k;
	int rc;

	if (identity_check(&k, comment, o->check, e) == 0) {
		rc = check_print(o, k, comment, e);
		secret_free(k);
		return rc;
	}
	if (o->json) {
		object = json_pack("{s:i, s:b, s:s}", "v", 1, "ok", 0, "code", error_name(e->code));
		common_json_text(object, "file", o->check);
		common_json_text(object, "error", e->text);
		(void)common_json_print(object, &ignored);
	}
	return -1;
}

static int export_print(const struct opts *o, enum key_part part, const uint8_t bytes[KEY_BYTES],
    struct error *e)
{
	char text[KEYFORMAT_MAX];
	int rc = 0;

	keyformat_encode(text, o->export, bytes);
	if (o->export == FORMAT_RAW)
		fwrite(bytes, 1, KEY_BYTES, stdout);
	else if (o->json)
		rc = common_json_print(json_pack("{s:i, s:s, s:s, s:b, s:s}", "v", 1, "format",
				     keyformat_names[o->export], "part",
				     part ? keyformat_parts[part] : "psk", "secret", !o->public, "key",
				     text),
		    e);
	else
		printf("%s\n", text);
	secret_wipe(text, sizeof(text));
	return rc;
}

static int run_export(const struct opts *o, struct error *e)
{
	char room[KEYFILE_PATH_MAX];
	const char *path = show_path(o, room, e);
	uint8_t *bytes = secret_alloc(KEY_BYTES);
	enum key_part part = o->part;
	struct key *k = NULL;
	int rc = -1;

	if (!bytes)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "out of memory");
	if (!path)
		goto out;
	if (o->psk ? keyfile_read_psk(&k, path, e) : keyfile_read_any(&k, NULL, path, NULL, e))
		goto out;
	if (identity_export(bytes, &part, o->public, k, path, e) ||
	    (!o->public && common_secret_output(PROG, o->force, e)))
		goto out;
	rc = export_print(o, part, bytes, e);
out:
	secret_free(k);
	secret_free(bytes);
	return rc;
}

/* ---- main ---- */

static int run(const struct opts *o)
{
	struct error e = {.code = ERROR_OK};
	int (*what)(const struct opts *, struct error *) = run_create;

	if (o->export)
		what = run_export;
	else if (o->check)
		what = run_check;
	else if (o->public || o->list)
		what = run_show;
	return what(o, &e) ? common_fail(PROG, &e) : 0;
}

int main(int argc, char **argv)
{
	struct common_args args = {
	    .prog = PROG, .shorts = "f:C:ylhV", .longs = longs, .argc = argc, .argv = argv};
	struct opts opts = {.file = NULL};
	int option, status;
	char *buffer;

	if (common_init(PROG))
		return 1;
	/* Options; there are no defaults beyond zero. */
	while ((option = common_next(&args)) > 0) {
		if (option == 'h')
			return common_help(PROG, (const char *const[]){help, NULL});
		if (option == 'V')
			return common_version(PROG, NULL);
		status = options_take(&opts, option, &args);
		if (status)
			return status;
	}
	if (option < 0)
		return COMMON_USAGE;
	options_flags(&opts, &args);

	/* Sanity */
	if (args.noperands || args.nrest)
		return common_usage(PROG, "unexpected argument '%s'",
		    args.noperands ? args.operands[0] : args.rest[0]);
	if (options_check(&opts))
		return COMMON_USAGE;

	/* Setup: what is printed may be secret, so its buffers are guarded. */
	buffer = secret_alloc(BUFSIZ);
	if (buffer)
		setvbuf(stdout, buffer, _IOFBF, BUFSIZ);
	common_json_guard();

	/* Run */
	status = common_close_stdout(PROG, run(&opts));
	secret_free(buffer);
	return status;
}
