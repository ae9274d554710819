/* keygen, the command line. */
#include <string.h>

#include "crypto/keyforeign.h"
#include "keygen.h"
#include "run/printable.h"

static const char help[] =
    "Usage: vault-keygen [-N] [-f FILE] [-C COMMENT] [--force] [--json]\n"
    "       vault-keygen -p [-f FILE] [--json]\n"
    "       vault-keygen -y | -l [-v] [-f FILE] [--json]\n"
    "       vault-keygen -F HOST | -R HOST | -H [-f KNOWN_HOSTS] [--json]\n"
    "       vault-keygen --check FILE [--json]\n"
    "       vault-keygen --psk [-N | --append] [-C LABEL] [-f FILE] [--json]\n"
    "       vault-keygen --import FORMAT [--part PART | --psk] [-N] [-f FILE] < SECRET\n"
    "       vault-keygen -y --import FORMAT [--part PART] [-f FILE] < PUBLIC\n"
    "       vault-keygen --export FORMAT [--part PART | --psk] [-y] [-f FILE]\n"
    "Make, show, check and convert keys. Without options: make an identity, write it to\n"
    "~/.config/vault-tools/identity and identity.pub, and print the public key.\n"
    "\n"
    "  -f, --file FILE       the key file instead of the default one; a new identity goes to FILE\n"
    "                        and FILE.pub; '-' is standard input or output\n"
    "  -C, --comment TEXT    comment of a new key (default: user@host)\n"
    "  -N, --passphrase      lock the new key with a passphrase, asked for on the terminal\n"
    "  -p, --change-passphrase\n"
    "                        change the passphrase of a key, give it one or take it away\n"
    "      --passphrase-file FILE\n"
    "                        the passphrase is the first line of FILE; with -p of a locked key, the\n"
    "                        new one is the second line\n"
    "      --passphrase-fd N the same from descriptor N\n"
    "  -y, --public          print the public key of a key file\n"
    "  -l, --fingerprint     print fingerprint, public key and comment of a key\n"
    "  -v, --verbose         with -l: the fingerprint in words, too, and as a picture\n"
    "  -F, --find HOST       print the keys that are remembered for HOST or HOST:PORT (default 5004)\n"
    "  -R, --remove HOST     forget them\n"
    "  -H, --hide-names      hide the names in known_hosts; names to come will be hidden as well\n"
    "      --check FILE      say what FILE is and whether it is in order\n"
    "      --psk             a pre-shared key, to standard output or to -f FILE\n"
    "      --append          with --psk: one more key in FILE, which a listener accepts as well\n"
    "      --import FORMAT   read a secret from standard input, or with -y a public key: raw, hex,\n"
    "                        base64, wireguard, pem, openssh, age; with -y also minisign, signify\n"
    "      --export FORMAT   print a secret, or with -y the public key, in that format\n"
    "      --part PART       which key is meant: ed25519 (default) or x25519 (wireguard)\n"
    "      --force           replace existing files; show a secret on a terminal\n"
    "      --json            results as one JSON object\n"
    "  -h, --help            this text\n"
    "  -V, --version         version and features\n";

enum { OPT_CHECK = 256, OPT_PASSPHRASE_FILE, OPT_PASSPHRASE_FD, OPT_PSK, OPT_APPEND, OPT_IMPORT, OPT_EXPORT, OPT_PART, OPT_FORCE, OPT_JSON };

static const struct option longs[] = {
    {"file", required_argument, NULL, 'f'},
    {"comment", required_argument, NULL, 'C'},
    {"passphrase", no_argument, NULL, 'N'},
    {"change-passphrase", no_argument, NULL, 'p'},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
    {"passphrase-fd", required_argument, NULL, OPT_PASSPHRASE_FD},
    {"public", no_argument, NULL, 'y'},
    {"fingerprint", no_argument, NULL, 'l'},
    {"verbose", no_argument, NULL, 'v'},
    {"find", required_argument, NULL, 'F'},
    {"remove", required_argument, NULL, 'R'},
    {"hide-names", no_argument, NULL, 'H'},
    {"check", required_argument, NULL, OPT_CHECK},
    {"psk", no_argument, NULL, OPT_PSK},
    {"append", no_argument, NULL, OPT_APPEND},
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
	common_usage(KEYGEN_PROG, "%s: '%s' is %s", a->name, a->value, expected);
	return 0;
}

static enum key_format options_format(const struct common_args *a)
{
	return (enum key_format)options_word(a, keyformat_names, FORMAT_COUNT,
	    "none of raw, hex, base64, wireguard, pem, openssh, age, minisign, signify");
}

static int options_comment(struct keygen_opts *o, const struct common_args *a)
{
	char safe[KEYFILE_COMMENT_MAX];

	if (strlen(a->value) >= KEYFILE_COMMENT_MAX)
		return common_usage(KEYGEN_PROG, "%s: longer than %d bytes", a->name, KEYFILE_COMMENT_MAX - 1);
	if (strcmp(printable(safe, sizeof(safe), a->value, strlen(a->value)), a->value) != 0)
		return common_usage(KEYGEN_PROG, "%s: must be printable text on one line", a->name);
	o->comment = a->value;
	return 0;
}

/* One option. 0, or the exit status of a usage error. */
static int options_take(struct keygen_opts *o, int option, const struct common_args *a)
{
	switch (option) {
	case 'f':
		o->file = a->value;
		return *o->file ? 0 : common_bad(a, "the name is empty");
	case 'C':
		return options_comment(o, a);
	case 'F':
	case 'R':
		*(option == 'F' ? &o->find : &o->remove) = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case OPT_CHECK:
		o->check = a->value;
		return 0;
	case OPT_PASSPHRASE_FILE:
		o->from.file = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case OPT_PASSPHRASE_FD:
		return common_opt_input(a, &o->from.fd);
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

static void options_flags(struct keygen_opts *o, const struct common_args *a)
{
	o->public = common_given(a, 'y');
	o->list = common_given(a, 'l');
	o->psk = common_given(a, OPT_PSK);
	o->append = common_given(a, OPT_APPEND);
	o->picture = common_given(a, 'v');
	o->hide = common_given(a, 'H');
	o->lock = common_given(a, 'N');
	o->change = common_given(a, 'p');
	o->force = common_given(a, OPT_FORCE);
	o->json = common_given(a, OPT_JSON);
}

/* Two options that make no sense together, both named. */
static int options_conflicts(const struct keygen_opts *o)
{
	const char *y = o->public ? "-y" : NULL, *l = o->list ? "-l" : NULL;
	const char *check = o->check ? "--check" : NULL, *psk = o->psk ? "--psk" : NULL;
	const char *import = o->import ? "--import" : NULL, *export = o->export ? "--export" : NULL;
	const char *part = o->part ? "--part" : NULL, *json = o->json ? "--json" : NULL;
	const char *comment = o->comment ? "-C" : NULL, *file = o->file ? "-f" : NULL;
	const char *force = o->force ? "--force" : NULL;
	const char *lock = o->lock ? "-N" : NULL, *change = o->change ? "-p" : NULL;
	const char *from_file = o->from.file ? "--passphrase-file" : NULL;
	const char *from_fd = o->from.fd >= 0 ? "--passphrase-fd" : NULL, *from = from_file ? from_file : from_fd;
	bool identity = !y && !l && !export && !psk;
	const char *output = file && !strcmp(o->file, "-") && identity ? "-f -" : NULL;
	const char *dash = file && !strcmp(o->file, "-") ? "-f -" : NULL;
	const char *stdin_fd = o->from.fd == 0 ? "--passphrase-fd 0" : NULL;
	const char *raw = o->export == FORMAT_RAW ? "--export raw" : NULL;
	const char *append = o->append ? "--append" : NULL;
	const char *foreign = keyforeign_is(o->import) ? "--import" : keyforeign_is(o->export) ? "--export" : NULL;
	const char *const pairs[][2] = {
	    {y, l}, {y, check}, {y, psk}, {l, check}, {l, psk}, {l, import}, {l, export},
	    {check, psk}, {check, import}, {check, export}, {check, file}, {import, export},
	    {comment, y && !import ? y : NULL}, {comment, l}, {comment, check}, {comment, export}, {psk, part},
	    {change, lock}, {change, y}, {change, l}, {change, check}, {change, psk}, {change, import}, {change, export},
	    {change, comment}, {change, part}, {change, force}, {change, dash}, {lock, y}, {lock, l}, {lock, check}, {lock, export}, {append, lock}, {append, force}, {append, export}, {append, dash},
	    {from_file, from_fd}, {from, y}, {from, l}, {stdin_fd, import},
	    {output, json}, {raw, json}, {force, y && !export && !import ? y : NULL}, {foreign, psk}, {force, l}, {force, check},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (common_conflict(KEYGEN_PROG, pairs[i][0], pairs[i][1]))
			return COMMON_USAGE;
	return 0;
}

/* Most of the others have keys of one kind. */
static int options_format_part(struct keygen_opts *o)
{
	enum key_format format = o->import ? o->import : o->export;
	bool edwards = format == FORMAT_OPENSSH || format == FORMAT_MINISIGN || format == FORMAT_SIGNIFY;
	bool x = format == FORMAT_WIREGUARD || format == FORMAT_AGE;

	if ((format == FORMAT_MINISIGN || format == FORMAT_SIGNIFY) && !o->public)
		return common_usage(KEYGEN_PROG, "%s %s is for public keys only: add -y", o->import ? "--import" : "--export",
		    keyformat_names[format]);
	if (edwards && o->part == PART_X25519)
		return common_usage(KEYGEN_PROG, "--part: %s has no x25519 keys", keyformat_names[format]);
	if (x && o->part == PART_ED25519)
		return common_usage(KEYGEN_PROG, "--part: %s has no ed25519 keys", keyformat_names[format]);
	if (x)
		o->part = PART_X25519;
	return 0;
}

/* What is done to known_hosts goes with -f and --json only. */
static int options_hosts(const struct keygen_opts *o)
{
	const char *find = o->find ? "-F" : NULL, *remove = o->remove ? "-R" : NULL, *hide = o->hide ? "-H" : NULL;
	const char *hosts = find ? find : remove ? remove : hide;
	const char *const others[] = {o->public ? "-y" : NULL, o->list ? "-l" : NULL, o->check ? "--check" : NULL,
	    o->psk ? "--psk" : NULL, o->import ? "--import" : NULL, o->export ? "--export" : NULL,
	    o->comment ? "-C" : NULL, o->lock ? "-N" : NULL, o->change ? "-p" : NULL, o->force ? "--force" : NULL};

	if (common_conflict(KEYGEN_PROG, find, remove) || common_conflict(KEYGEN_PROG, find ? find : remove, hide))
		return COMMON_USAGE;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (common_conflict(KEYGEN_PROG, hosts, others[i]))
			return COMMON_USAGE;
	if (o->picture && !o->list)
		return common_usage(KEYGEN_PROG, "-v needs -l");
	return 0;
}

static int options_check(struct keygen_opts *o)
{
	if (options_conflicts(o) || options_hosts(o))
		return COMMON_USAGE;
	if ((o->from.file || o->from.fd >= 0) && !o->lock && !o->change && !o->check && !o->export)
		return common_usage(KEYGEN_PROG, "%s needs -N, -p, --check or --export",
		    o->from.file ? "--passphrase-file" : "--passphrase-fd");
	if (o->part && !o->import && !o->export)
		return common_usage(KEYGEN_PROG, "--part needs --import or --export");
	if (o->append && (!o->psk || !o->file))
		return common_usage(KEYGEN_PROG, "--append needs --psk and -f FILE");
	if (o->psk && o->export && !o->file)
		return common_usage(KEYGEN_PROG, "--psk --export needs -f FILE, the key to be exported");
	return o->psk ? 0 : options_format_part(o);
}

int keygen_args(struct keygen_opts *o, int argc, char **argv, int *status)
{
	struct common_args args = {
	    .prog = KEYGEN_PROG, .shorts = "f:C:NpylvF:R:HhV", .longs = longs, .argc = argc, .argv = argv};
	int option;

	*status = COMMON_USAGE;
	while ((option = common_next(&args)) > 0) {
		if (option == 'h' || option == 'V') {
			*status = option == 'h' ? common_help(KEYGEN_PROG, (const char *const[]){help, NULL})
						: common_version(KEYGEN_PROG, NULL);
			return -1;
		}
		if (options_take(o, option, &args))
			return -1;
	}
	if (option < 0)
		return -1;
	options_flags(o, &args);
	if (args.noperands || args.nrest) {
		common_usage(KEYGEN_PROG, "unexpected argument '%s'", args.noperands ? args.operands[0] : args.rest[0]);
		return -1;
	}
	return options_check(o) ? -1 : 0;
}
