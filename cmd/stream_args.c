#include "stream_args.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "crypto/keytext.h"
#include "crypto/secret.h"
#include "proto/squash.h"
#include "run/keyfile.h"
#include "run/pskfile.h"

#define HANDSHAKE_MS 10000
#define MESSAGE_MS 30000
#define KEEPALIVE_MS 15000
#define RAW_IDLE_MS 300000 /* where no keep-alive finds the dead */
#define LEVEL_DEFAULT 3
#define LEVEL_MAX 19
#define MAX_MESSAGE_MOST (16 * 1024 * 1024) /* a message is held in memory until all of it is there */
#define ARGS_CREDENTIAL "vault-tools.identity"

int stream_args_version(const char *prog)
{
	char features[128 + SANDBOX_TEXTMAX], sandbox[SANDBOX_TEXTMAX];

	snprintf(features, sizeof features, "%s, zstd %s, %s", aead_libraries(), squash_library(), sandbox_describe(sandbox));
	return common_version(prog, features);
}

void stream_args_init(struct stream_args *s)
{
	memset(s, 0, sizeof *s);
	s->socket.family = AF_UNSPEC;
	s->from = PASSPHRASE_NONE;
	s->stream.handshake_ms = HANDSHAKE_MS;
	s->stream.message_ms = MESSAGE_MS;
	s->stream.keepalive_ms = KEEPALIVE_MS;
	s->stream.level = LEVEL_DEFAULT;
	s->stream.software = "vault-tools " COMMON_VERSION;
}

static int take_protocol(struct stream_args *s, const struct common_args *a)
{
	if (s->protocol_count == ARGS_PROTOCOLS_MAX)
		return common_bad(a, "given too often");
	s->protocols[s->protocol_count++] = a->value;
	return 0;
}

static int take_compress(struct stream_args *s, const struct common_args *a)
{
	int64_t level = LEVEL_DEFAULT;

	if (a->value && common_opt_int(a, &level, 1, LEVEL_MAX))
		return COMMON_USAGE;
	s->stream.compress = true;
	s->stream.level = (int)level;
	return 0;
}

static int take_stats(struct stream_args *s, const struct common_args *a)
{
	if (!a->value || strcmp(a->value, "text") == 0)
		s->stream.stats = REPORT_TEXT;
	else if (strcmp(a->value, "json") == 0)
		s->stream.stats = REPORT_JSON;
	else
		return common_usage(a->prog, "--stats: '%s' is neither text nor json", a->value);
	return 0;
}

static int take_framing(struct stream_args *s, const struct common_args *a)
{
	int framing = framing_parse(a->value);

	if (framing < 0)
		return common_usage(a->prog, "--framing: '%s' is none of raw, lines, nul, u32", a->value);
	s->stream.framing = (enum framing)framing;
	return 0;
}

/* What a message is, and how long one may be. */
static int take_messages(struct stream_args *s, int option, const struct common_args *a)
{
	uint64_t n;

	if (option == ARGS_FRAMING)
		return take_framing(s, a);
	if (common_opt_size(a, &n, 1, MAX_MESSAGE_MOST))
		return COMMON_USAGE;
	s->stream.max_message = (size_t)n;
	return 0;
}

static int take_sandbox(struct stream_args *s, const struct common_args *a)
{
	static const char *const modes[] = {[SANDBOX_AUTO] = "auto", [SANDBOX_REQUIRE] = "require", [SANDBOX_OFF] = "off"};

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(a->value, modes[i]) == 0) {
			s->stream.sandbox = (enum sandbox_mode)i;
			return 0;
		}
	return common_usage(a->prog, "--sandbox: '%s' is none of auto, require, off", a->value);
}

static int take_keys(struct stream_args *s, int option, const struct common_args *a)
{
	switch (option) {
	case 'i':
		s->identity_file = a->value;
		return 0;
	case ARGS_PSK_FILE:
		s->psk_file = a->value;
		return 0;
	case ARGS_PASSPHRASE_FD:
		return common_opt_input(a, &s->from.fd);
	default:
		s->from.file = a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	}
}

int stream_args_take(struct stream_args *s, int option, const struct common_args *a)
{
	switch (option) {
	case '4':
		s->socket.family = AF_INET;
		return 0;
	case '6':
		s->socket.family = AF_INET6;
		return 0;
	case 'n':
		s->socket.numeric = true;
		return 0;
	case 'w':
		return common_opt_duration(a, &s->stream.handshake_ms);
	case ARGS_MESSAGE_TIMEOUT:
		return common_opt_duration(a, &s->stream.message_ms);
	case ARGS_IDLE_TIMEOUT:
		return common_opt_duration(a, &s->stream.idle_ms);
	case ARGS_KEEP_ALIVE:
		return common_opt_duration(a, &s->stream.keepalive_ms);
	case 'i':
	case ARGS_PSK_FILE:
	case ARGS_PASSPHRASE_FILE:
	case ARGS_PASSPHRASE_FD:
		return take_keys(s, option, a);
	case ARGS_PROTOCOL:
		return take_protocol(s, a);
	case ARGS_ANONYMOUS:
		s->anonymous = true;
		return 0;
	case ARGS_SEND_ONLY:
		s->stream.send_only = true;
		return 0;
	case ARGS_RECV_ONLY:
		s->stream.recv_only = true;
		return 0;
	case 'o':
		s->stream.output = strcmp(a->value, "-") == 0 ? NULL : a->value;
		return *a->value ? 0 : common_bad(a, "the name is empty");
	case ARGS_COMPRESS:
		return take_compress(s, a);
	case ARGS_PROGRESS:
		s->stream.progress = PROGRESS_ON;
		return 0;
	case ARGS_NO_PROGRESS:
		s->stream.progress = PROGRESS_OFF;
		return 0;
	case ARGS_STATS:
		return take_stats(s, a);
	case ARGS_LOG_JSON:
		s->stream.log_json = true;
		return 0;
	case ARGS_RATE_LIMIT:
		return common_opt_size(a, &s->stream.rate_limit, 1, UINT64_C(1) << 40);
	case ARGS_MAX_MESSAGE:
	case ARGS_FRAMING:
		return take_messages(s, option, a);
	case ARGS_WIRE:
		s->wire = a->value;
		return 0;
	case ARGS_SANDBOX:
		return take_sandbox(s, a);
	case 'v':
		s->verbosity++;
		return 0;
	default:
		s->quiet = true;
		return 0;
	}
}

int stream_args_check(const struct common_args *a)
{
	static const struct {
		int one, other;
		const char *one_name, *other_name;
	} pairs[] = {
	    {'4', '6', "-4", "-6"},
	    {ARGS_SEND_ONLY, ARGS_RECV_ONLY, "--send-only", "--recv-only"},
	    {ARGS_SEND_ONLY, 'o', "--send-only", "--output"},
	    {ARGS_PROGRESS, ARGS_NO_PROGRESS, "--progress", "--no-progress"},
	    {'v', ARGS_QUIET, "--verbose", "--quiet"},
	    {ARGS_PASSPHRASE_FILE, ARGS_PASSPHRASE_FD, "--passphrase-file", "--passphrase-fd"},
	    {ARGS_LOG_JSON, ARGS_PROGRESS, "--log-json", "--progress"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (common_given(a, pairs[i].one) && common_given(a, pairs[i].other))
			return common_conflict(a->prog, pairs[i].one_name, pairs[i].other_name);
	return 0;
}

int stream_args_wire(struct stream_args *s, const struct common_args *a, const struct wire *wire)
{
	if (wire == &wire_vault1 && common_given(a, ARGS_MAX_MESSAGE) && !s->many && s->stream.framing == FRAMING_RAW)
		return common_usage(a->prog,
		    "--max-message-size needs --framing, --wire vault-tcp (or auto), or a listener's --keep-open");
	if (wire == &wire_vault1)
		return 0;
	if (wire == &wire_vaulttcp && s->stream.max_message > STREAM_MAX_MESSAGE)
		return common_usage(a->prog, "--max-message-size: a message of --wire %s has at most %d bytes", s->wire, SESSION_RAW_MESSAGEMAX);
	if (s->psk_file)
		return common_usage(a->prog, "--psk-file and --wire %s cannot be used together: Vault TCP has no pre-shared keys", s->wire);
	if (wire == &wire_vaulttcp && s->stream.compress)
		return common_usage(a->prog, "--compress and --wire %s cannot be used together", s->wire);
	if (!common_given(a, ARGS_IDLE_TIMEOUT))
		s->stream.raw_idle_ms = RAW_IDLE_MS;
	return 0;
}

/* -i, else the service manager's, else the default file if there is one, else a key that lives as long as
 * this process. */
static int load_identity(struct stream_args *s, bool throwaway, struct error *e)
{
	char path[KEYFILE_PATH_MAX];

	if (s->identity_file)
		return keyfile_read_secret(&s->identity, NULL, s->identity_file, &s->from, e);
	if (!throwaway) {
		struct error no_home = {0};

		/* Only one that is not there may be done without: what cannot be reached is an error. */
		if (keyfile_credential(path, ARGS_CREDENTIAL) ||
		    (keyfile_path(path, "identity", &no_home) == 0 &&
			(access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))))
			return keyfile_read_secret(&s->identity, NULL, path, &s->from, e);
	}
	s->identity = secret_alloc(sizeof *s->identity);
	if (!s->identity)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for keys");
	s->identity->form = KEY_SECRET;
	secret_rng.fill(secret_rng.ctx, s->identity->bytes, sizeof s->identity->bytes);
	s->stream.throwaway = true;
	return 0;
}

int stream_args_load(struct stream_args *s, bool throwaway, struct error *e)
{
	int rc = load_identity(s, throwaway, e);

	if (rc == 0 && s->psk_file)
		rc = pskfile_read(&s->psks, s->psk_file, &s->from, e);
	passphrase_free(&s->from);
	s->stream.identity = s->identity;
	s->stream.psks = s->psks;
	return rc;
}

void stream_args_free(struct stream_args *s)
{
	secret_free(s->identity);
	secret_free(s->psks);
	secret_free(s->stream.code);
	s->identity = NULL;
	s->psks = NULL;
	s->stream.code = NULL;
}
