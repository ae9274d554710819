#include "code.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "crypto/secret.h"
#include "keyfile.h"
#include "log.h"
#include "printable.h"

#define LINE_MAX_BYTES 128

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* ---- text ---- */

struct handshake_code *code_new(void)
{
	struct handshake_code *code = secret_alloc(sizeof *code);
	uint8_t random[CODE_CHARS];

	if (!code)
		return NULL;
	secret_rng.fill(secret_rng.ctx, random, sizeof random);
	for (size_t i = 0; i < CODE_CHARS; i++)
		code->bytes[i] = (uint8_t)alphabet[random[i] & 31];
	code->len = CODE_CHARS;
	code->guesses = CODE_GUESSES;
	secret_wipe(random, sizeof random);
	return code;
}

char *code_text(char out[CODE_TEXTMAX], const struct handshake_code *code)
{
	snprintf(out, CODE_TEXTMAX, "%.4s-%.4s", (const char *)code->bytes, (const char *)code->bytes + 4);
	return out;
}

/* The character that was meant, or 0. */
static char meant(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	return c != '\0' && strchr(alphabet, c) ? c : 0;
}

int code_parse(struct handshake_code *code, const char *text, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (strchr(" \t\r\n-", text[i]) && text[i] != '\0')
			continue;
		if (len == CODE_CHARS || !meant(text[i]))
			return -1;
		code->bytes[len++] = (uint8_t)meant(text[i]);
	}
	code->len = len;
	return len == CODE_CHARS ? 0 : -1;
}

/* ---- asking ---- */

/* One line, byte by byte: what stands behind it belongs to somebody else. Its length, or -1 (errno). */
static ssize_t read_line(int fd, char line[LINE_MAX_BYTES])
{
	size_t n = 0;

	while (n < LINE_MAX_BYTES) {
		ssize_t k = read(fd, line + n, 1);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0 || line[n] == '\n')
			break;
		n++;
	}
	return (ssize_t)n;
}

static int no_code(const char *from, struct error *e)
{
	return error_set(e, ERROR_USAGE, BLAME_LOCAL, "%s: this is no code: it has %d letters and digits, such as 7K3M-9QXF", from,
	    CODE_CHARS);
}

static int from_fd(struct handshake_code *code, int fd, const char *name, struct error *e)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = read_line(fd, line);
	int rc = -1;

	if (n < 0)
		error_set(e, ERROR_IO, BLAME_LOCAL, "%s: %s", name, strerror(errno));
	else if (code_parse(code, line, (size_t)n) < 0)
		no_code(name, e);
	else
		rc = 0;
	secret_wipe(line, sizeof line);
	return rc;
}

static int from_file(struct handshake_code *code, const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		rc = error_set(e, ERROR_IO, BLAME_LOCAL, "--code-file %s: %s", path, strerror(errno));
	else if (S_ISREG(st.st_mode) && (st.st_mode & 077))
		rc = error_set(e, ERROR_SAFETY, BLAME_LOCAL, "%s: permissions %04o open this secret to others; type: chmod 600 %s",
		    path, (unsigned)(st.st_mode & 07777), path);
	else if (S_ISREG(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
		rc = error_set(e, ERROR_SAFETY, BLAME_LOCAL, "%s: belongs to user id %lu, who is neither you nor root", path,
		    (unsigned long)st.st_uid);
	else
		rc = from_fd(code, fd, path, e);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Not standard input, which is data. A slip of the fingers shall not cost a guess: ask again. */
static int from_terminal(struct handshake_code *code, struct error *e)
{
	static const char question[] = "Code: ", again[] = "That is no code; it has 8 letters and digits, such as 7K3M-9QXF.\n";
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc = -1;
	char line[LINE_MAX_BYTES];
	ssize_t n;

	if (fd < 0)
		return error_set(e, ERROR_USAGE, BLAME_LOCAL,
		    "--code: there is no terminal to ask at; give it with --code-file or --code-fd");
	while (rc < 0) {
		(void)!write(fd, question, sizeof question - 1);
		n = read_line(fd, line);
		if (n <= 0) {
			error_set(e, ERROR_USAGE, BLAME_LOCAL, "--code: no code was typed");
			break;
		}
		rc = code_parse(code, line, (size_t)n);
		if (rc < 0)
			(void)!write(fd, again, sizeof again - 1);
	}
	secret_wipe(line, sizeof line);
	close(fd);
	return rc;
}

int code_ask(struct handshake_code **out, const struct code_source *from, struct error *e)
{
	struct handshake_code *code = secret_alloc(sizeof *code);
	char name[32];
	int rc;

	*out = NULL;
	if (!code)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "no memory for the code");
	if (from->file) {
		rc = from_file(code, from->file, e);
	} else if (from->fd >= 0) {
		snprintf(name, sizeof name, "--code-fd %d", from->fd);
		rc = from_fd(code, from->fd, name, e);
		if (from->fd > 2)
			close(from->fd);
	} else {
		rc = from_terminal(code, e);
	}
	if (rc < 0) {
		secret_free(code);
		return -1;
	}
	*out = code;
	return 0;
}

/* ---- showing ---- */

char *code_here(char out[ADDRESS_HOSTMAX])
{
	char name[ADDRESS_HOSTMAX] = "";

	if (gethostname(name, sizeof name - 1) < 0 || name[0] == '\0')
		snprintf(name, sizeof name, "HOST");
	return printable(out, ADDRESS_HOSTMAX, name, strlen(name));
}

/* What the other side calls this one: the address that was given, else this machine's name. */
static void where(char out[ADDRESS_TEXTMAX + 8], const struct socket_listeners *at, const char *here)
{
	bool any = strcmp(at->host, "0.0.0.0") == 0 || strcmp(at->host, "::") == 0;
	const char *name = at->is_unix || !any ? at->host : here;

	if (at->is_unix || at->port == HANDSHAKE_DEFAULT_PORT)
		snprintf(out, ADDRESS_TEXTMAX + 8, "%s", name);
	else
		snprintf(out, ADDRESS_TEXTMAX + 8, "%s %u", name, at->port);
}

void code_show(const struct handshake_code *code, const struct socket_listeners *at, const char *here, int64_t life_ms)
{
	char text[CODE_TEXTMAX], there[ADDRESS_TEXTMAX + 8];
	bool minutes = life_ms >= 60000;

	where(there, at, here);
	log_notice("one-time code %s, good for %lld %s: on the other side type vault-connect --code %s", code_text(text, code),
	    (long long)(minutes ? life_ms / 60000 : (life_ms + 999) / 1000), minutes ? "min" : "s", there);
	secret_wipe(text, sizeof text);
}

void code_spend(struct handshake_code *code)
{
	secret_wipe(code, sizeof *code);
}
