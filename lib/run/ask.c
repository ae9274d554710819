#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/secret.h"

static const int ask_signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};
#define SIGNALS (sizeof(ask_signals) / sizeof(ask_signals[0]))

static volatile sig_atomic_t ask_caught; /* a handler has nowhere else to write to */

static void on_signal(int number)
{
	ask_caught = number;
}

int ask_possible(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* The signals are let in only while we wait. 1: a line; 0: the end of input; -1. */
static int ask_line(int tty, char *out, size_t size, const sigset_t *open_mask)
{
	struct pollfd pfd = {.fd = tty, .events = POLLIN};
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n;

		if (ppoll(&pfd, 1, NULL, open_mask) < 0 && errno != EAGAIN)
			return -1;
		n = read(tty, &c, 1);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 || (n == 0 && len == 0))
			return n < 0 ? -1 : 0;
		if (n == 0 || c == '\n' || c == '\r')
			break;
		if (len + 1 >= size) {
			errno = E2BIG;
			return -1;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	c = 0;
	return 1;
}

/* One try: with the echo off, prompt and read. */
static int ask_once(int tty, char *out, size_t size, const char *prompt, const sigset_t *open_mask)
{
	struct termios old, quiet;
	int rc, saved;

	if (tcgetattr(tty, &old))
		return -1;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	if (tcsetattr(tty, TCSAFLUSH, &quiet))
		return -1;
	rc = write(tty, prompt, strlen(prompt)) < 0 ? -1 : ask_line(tty, out, size, open_mask);
	saved = errno;
	(void)!write(tty, "\n", 1);
	tcsetattr(tty, TCSAFLUSH, &old);
	errno = saved;
	return rc;
}

/* With our handlers in place; the number of a signal that came instead of an answer is in ask_caught. */
static int ask_guarded(int tty, char *out, size_t size, const char *prompt)
{
	struct sigaction ours = {.sa_handler = on_signal}, old[SIGNALS];
	sigset_t mask, before, open_mask;
	int rc, saved;

	ask_caught = 0;
	sigemptyset(&mask);
	sigemptyset(&ours.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&mask, ask_signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &before);
	open_mask = before;
	for (size_t i = 0; i < SIGNALS; i++) {
		sigaction(ask_signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(ask_signals[i], &ours, NULL);
	}
	rc = ask_once(tty, out, size, prompt, &open_mask);
	saved = errno;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(ask_signals[i], &old[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return rc;
}

int ask_hidden(char *out, size_t size, const char *prompt, struct error *e)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), rc;

	if (tty < 0)
		return error_set(e, ERROR_IO, BLAME_LOCAL, "there is no terminal to ask on");
	do {
		rc = ask_guarded(tty, out, size, prompt);
		if (ask_caught)
			raise(ask_caught);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		error_set(e, ERROR_IO, BLAME_LOCAL, "nothing was typed");
	else if (rc < 0)
		error_set(e, ERROR_IO, BLAME_LOCAL, "the terminal: %s",
		    errno == E2BIG ? "more was typed than is taken" : strerror(errno));
	if (rc != 1)
		secret_wipe(out, size);
	close(tty);
	return rc == 1 ? 0 : -1;
}
