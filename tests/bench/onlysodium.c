/*
 * onlysodium: the least that a program of this kind costs to start, to compare with. It links and
 * initialises libsodium, and then
 *
 *   onlysodium         writes a byte to standard output
 *   onlysodium PORT    connects to that port of 127.0.0.1
 */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd;

	if (sodium_init() < 0)
		return 1;
	if (argc < 2)
		return write(STDOUT_FILENO, "\n", 1) == 1 ? 0 : 1;
	sin.sin_port = htons((in_port_t)atoi(argv[1]));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	return fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ? 0 : 1;
}
