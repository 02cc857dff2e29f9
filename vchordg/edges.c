/*
 * vchordg/edges.c
 *		Changes of lists of live vertices.
 *
 * A full list takes a newcomer x if x hides one of its members w from the owner u (RobustPrune's test: d(u, w) is not below
 * alpha d(x, w)), in the place of the farthest such w; or if no nearer member hides x, in the place of the farthest
 * member beyond it.  Distances from u are stored in the edges, those from x are estimated from the codes in them.
 */
#include "postgres.h"

#include "core/vector/distance.h"

#include "vchordg/edges.h"

/* edges of a list, one after the other */
typedef struct View
{
	const char *edges;
	uint32 count;
	uint64 labels; /* of the owner */
} View;

static View
view_of(const VgListEdit *edit, const VgHop *seen)
{
	View view = {.count = edit->head->count, .labels = edit->head->labels};

	if (seen != NULL)
		view.edges = seen->edges;
	else if (view.count > 0)
		view.edges = (const char *) vg_list_edge(edit, 0);
	return view;
}

static const VgEdgeDisk *
edge_at(const VgMeta *meta, const View *view, uint32 i)
{
	return (const VgEdgeDisk *) (view->edges + i * meta->geo.edge_bytes);
}

/* scores as distances that a factor makes sense for: -cos becomes 1 - cos */
static inline float
as_distance(const VgMeta *meta, float score)
{
	return meta->disk.metric == VCV_COSINE ? 1 + score : score;
}

/* the widest alpha; under inner product a factor has no meaning */
static inline float
widest(const VgMeta *meta)
{
	return meta->disk.metric == VCV_IP ? 1 : meta->disk.alpha[meta->disk.nalphas - 1];
}

/* The edge of a full list that a newcomer at `score` from the owner may take, or m. */
static uint32
victim(const VgMeta *meta, const View *view, const VgNewcomer *newcomer, float score)
{
	const VgGeometry *geo = &meta->geo;
	float alpha = widest(meta);
	float own = as_distance(meta, score);
	uint64 shared_x = view->labels & newcomer->labels;
	uint32 hidden = geo->m;   /* farthest that x hides */
	uint32 farthest = geo->m; /* farthest beyond x */
	bool x_hidden = false;
	VgEstimate *estimates = palloc(Max(view->count, 1) * sizeof(VgEstimate));

	vg_estimate(newcomer->query, view->edges + geo->edge_code, geo->edge_bytes, view->count,
				estimates);
	for (uint32 i = 0; i < view->count; i++)
	{
		const VgEdgeDisk *edge = edge_at(meta, view, i);
		float between = as_distance(meta, estimates[i].score);
		float distance = as_distance(meta, edge->distance);
		uint64 labels = 0;

		if (geo->labels)
			memcpy(&labels, edge + 1, sizeof(labels));
		if (distance < own)
		{
			x_hidden |= !(own < alpha * between) && (labels & shared_x) == shared_x;
			continue;
		}
		if ((edge->flags & VG_EDGE_PINNED) != 0)
			continue;
		if (farthest == geo->m || edge->distance > edge_at(meta, view, farthest)->distance)
			farthest = i;
		if (!(distance < alpha * between) &&
			(newcomer->labels & view->labels & labels) == (view->labels & labels) &&
			(hidden == geo->m || edge->distance > edge_at(meta, view, hidden)->distance))
			hidden = i;
	}
	pfree(estimates);
	if (hidden < geo->m)
		return hidden;
	return x_hidden ? geo->m : farthest;
}

/* the farthest edge that is not pinned, or m */
static uint32
farthest_free(const VgMeta *meta, const View *view)
{
	uint32 found = meta->geo.m;

	for (uint32 i = 0; i < view->count; i++)
	{
		const VgEdgeDisk *edge = edge_at(meta, view, i);

		if ((edge->flags & VG_EDGE_PINNED) == 0 &&
			(found == meta->geo.m || edge->distance > edge_at(meta, view, found)->distance))
			found = i;
	}
	return found;
}

static uint32
find(const VgMeta *meta, const char *edges, uint32 count, VgRef to)
{
	for (uint32 i = 0; i < count; i++)
	{
		if (vg_ref_equal(((const VgEdgeDisk *) (edges + i * meta->geo.edge_bytes))->to, to))
			return i;
	}
	return meta->geo.m;
}

uint32
vg_hop_find(const VgMeta *meta, const VgHop *hop, VgRef to)
{
	for (uint32 i = 0; i < hop->nedges; i++)
	{
		if (vg_ref_equal(hop->to[i], to))
			return i;
	}
	return meta->geo.m;
}

static bool
is_same(const VgListEdit *edit, const VgHop *seen)
{
	return seen == NULL || seen->head.version == edit->head->version;
}

/* the edge that a newcomer gets which is not in the list, or m */
static uint32
place_of(const VgMeta *meta, const View *view, const VgNewcomer *newcomer, float score, bool pinned)
{
	uint32 at;

	if (view->count < meta->geo.m)
		return view->count;
	at = victim(meta, view, newcomer, score);
	return at == meta->geo.m && pinned ? farthest_free(meta, view) : at;
}

uint32
vg_edges_place(const VgMeta *meta, const VgHop *seen, const VgNewcomer *newcomer, float score)
{
	View view = {.edges = seen->edges, .count = seen->nedges, .labels = seen->head.labels};

	return place_of(meta, &view, newcomer, score, true);
}

VgEdgeResult
vg_edges_add(const VgListEdit *edit, const VgHop *seen, const VgNewcomer *newcomer, float score,
			 bool pinned)
{
	const VgMeta *meta = edit->meta;
	const VgGeometry *geo = &meta->geo;
	View view;
	uint32 at;
	uint32 flags = pinned ? VG_EDGE_PINNED : 0;

	if (!is_same(edit, seen))
		return VG_EDGE_CHANGED;
	view = view_of(edit, seen);
	at = find(meta, view.edges, view.count, newcomer->ref);
	if (at < geo->m)
	{
		if (pinned)
		{
			vg_list_edge(edit, at)->flags |= flags;
			edit->head->version++;
		}
		return VG_EDGE_DONE;
	}
	at = place_of(meta, &view, newcomer, score, pinned);
	if (at == geo->m)
		return VG_EDGE_REFUSED;
	vg_edge_set(geo, vg_list_edge(edit, at), newcomer->ref, score, flags, newcomer->labels,
				newcomer->code);
	if (at == edit->head->count)
		edit->head->count++;
	edit->head->version++;
	return VG_EDGE_DONE;
}

VgEdgeResult
vg_edges_remove(const VgListEdit *edit, const VgHop *seen, VgRef to)
{
	const VgMeta *meta = edit->meta;
	const VgGeometry *geo = &meta->geo;
	View view;
	uint32 at;
	uint32 last;
	VgEdgeDisk *edge;

	if (!is_same(edit, seen))
		return VG_EDGE_CHANGED;
	view = view_of(edit, seen);
	at = find(meta, view.edges, view.count, to);
	if (at == geo->m)
		return VG_EDGE_REFUSED;
	last = view.count - 1;
	edge = vg_list_edge(edit, at);
	if (at < last)
		memcpy(edge, vg_list_edge(edit, last), geo->edge_bytes);
	memset(vg_list_edge(edit, last), 0, geo->edge_bytes);
	edit->head->count = (uint16) last;
	edit->head->version++;
	return VG_EDGE_DONE;
}

VgEdgeResult
vg_edges_replace(const VgListEdit *edit, const VgHop *seen, VgRef from, const VgNewcomer *newcomer,
				 float score)
{
	const VgMeta *meta = edit->meta;
	View view;
	uint32 at;

	if (!is_same(edit, seen))
		return VG_EDGE_CHANGED;
	view = view_of(edit, seen);
	if (find(meta, view.edges, view.count, newcomer->ref) < meta->geo.m)
		return vg_edges_remove(edit, seen, from);
	at = find(meta, view.edges, view.count, from);
	if (at == meta->geo.m)
		return VG_EDGE_REFUSED;
	vg_edge_set(&meta->geo, vg_list_edge(edit, at), newcomer->ref, score, 0, newcomer->labels,
				newcomer->code);
	edit->head->version++;
	return VG_EDGE_DONE;
}
