/*
 * squash, the level where none is named: as high as the transport leaves time for.
 *
 * Level 1 is where it begins, and the bottom: on text the levels below are hardly faster, and shrink it
 * much less.
 */
#include "squash.h"

/* Long enough for the buffers of the transport to fill or to run empty at the new level. */
#define INTERVAL_MS 200
#define PIECES_LEAST 16
#define PATIENCE_MOST 32

static const int8_t levels[] = {1, 2, 3, 4, 5, SQUASH_GAUGE_MOST};

int squash_gauge_level(const struct squash_gauge *g)
{
	return levels[g->rung];
}

/* Where neither of two levels is right, it stays at the lower one, longer each time. */
static void step_up(struct squash_gauge *g)
{
	if (g->rung + 1U == sizeof levels || ++g->waited < g->patience)
		return;
	g->rung++;
	g->waited = 0;
	if (!g->fell)
		g->patience = 1;
	else if (g->patience < PATIENCE_MOST)
		g->patience = g->patience == 0 ? 2 : (uint8_t)(g->patience * 2);
	g->fell = false;
}

static void step_down(struct squash_gauge *g)
{
	g->waited = 0;
	if (g->rung == 0)
		return;
	g->rung--;
	g->fell = true;
}

void squash_gauge_note(struct squash_gauge *g, bool stuck, int64_t now)
{
	if (g->pieces == 0)
		g->since = now;
	g->pieces++;
	g->stuck += stuck;
	if (g->pieces < PIECES_LEAST || now - g->since < INTERVAL_MS)
		return;
	if (g->stuck >= g->pieces / 2)
		step_up(g);
	else if (g->stuck == 0)
		step_down(g);
	g->pieces = g->stuck = 0;
}
