/*
 * core/redirect.c
 *		Values too large for an item.  See core/redirect.h.
 *
 * The pages of a value are one allocated run, but readers follow the links and check owner, incarnation
 * and the number of bytes, so the run is an optimisation only.
 */
#include "postgres.h"

#include "core/redirect.h"

#include "core/recycle.h"
#include "core/report.h"
#include "miscadmin.h"

static uint64
pages_of(uint64 len)
{
	return (len + VC_PAGE_BODY_SIZE - 1) / VC_PAGE_BODY_SIZE;
}

void
vc_redirect_write(Relation rel, Relation heap, uint16 kind, uint32 owner, uint32 incarnation,
				  const void *data, uint64 len, VcRedirectDisk *ret_redirect)
{
	uint64 npages = pages_of(len);
	BlockNumber first;

	if (len == 0 || npages >= MaxBlockNumber)
		elog(ERROR, "a value of %llu bytes cannot be stored apart", (unsigned long long) len);
	first = vc_recycle_alloc_run(rel, heap, (uint32) npages, kind, owner, incarnation);
	for (uint64 i = 0; i < npages; i++)
	{
		VcPageWrite w;
		Size part = Min(len - i * VC_PAGE_BODY_SIZE, VC_PAGE_BODY_SIZE);

		CHECK_FOR_INTERRUPTS();
		w = vc_page_write(rel, first + i, kind);
		memcpy(vc_page_body(w.page), (const char *) data + i * VC_PAGE_BODY_SIZE, part);
		vc_page_set_used(w.page, part);
		if (i + 1 < npages)
			vc_page_opaque(w.page)->next = first + i + 1;
		vc_page_write_commit(&w);
	}
	*ret_redirect =
		(VcRedirectDisk){.length = len, .first = first, .owner = owner, .incarnation = incarnation};
}

VcRedirectDisk
vc_redirect_get(Relation rel, BlockNumber blkno, VcSpan item, uint64 max_len)
{
	VcRedirectDisk redirect;

	if (item.len != sizeof(redirect))
		vc_corrupt(rel, blkno, "redirect item of %zu bytes", item.len);
	memcpy(&redirect, item.data, sizeof(redirect));
	if (redirect.length == 0 || redirect.length > max_len)
		vc_corrupt(rel, blkno, "redirect item to %llu bytes, at most %llu can be",
				   (unsigned long long) redirect.length, (unsigned long long) max_len);
	return redirect;
}

bool
vc_redirect_read(Relation rel, VcReadCache *cache, uint16 kind, const VcRedirectDisk *redirect,
				 void *dst)
{
	BlockNumber blkno = redirect->first;
	uint64 done = 0;

	while (done < redirect->length)
	{
		VcPageRead r;
		VcSpan part;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		r = vc_page_read_cached(cache, rel, blkno, VC_PAGE_ANY);
		if (!vc_page_is_of(r.page, redirect->owner, redirect->incarnation))
		{
			vc_page_read_drop(&r);
			return false;
		}
		vc_page_check(rel, blkno, r.page, kind);
		part = vc_page_contents(r.page);
		if (part.len == 0 || part.len > redirect->length - done)
			vc_corrupt(rel, blkno, "continuation page with %zu bytes of %llu left", part.len,
					   (unsigned long long) (redirect->length - done));
		memcpy((char *) dst + done, part.data, part.len);
		done += part.len;
		next = vc_page_opaque_read(r.page)->next;
		vc_page_read_drop(&r);
		blkno = next;
	}
	return true;
}

/* Collects consecutive blocks, so that the run that was allocated is freed as one. */
void
vc_redirect_free(Relation rel, uint16 kind, const VcRedirectDisk *redirect)
{
	BlockNumber blkno = redirect->first;
	BlockNumber run_first = redirect->first;
	uint32 run = 0;

	for (uint64 left = pages_of(redirect->length); left > 0; left--)
	{
		VcPageRead r;
		BlockNumber next;

		CHECK_FOR_INTERRUPTS();
		r = vc_page_read(rel, blkno, VC_PAGE_ANY);
		if (!vc_page_is_of(r.page, redirect->owner, redirect->incarnation))
		{
			vc_page_read_drop(&r);
			break;
		}
		vc_page_check(rel, blkno, r.page, kind);
		next = vc_page_opaque_read(r.page)->next;
		vc_page_read_drop(&r);
		if (blkno != run_first + run)
		{
			vc_recycle_free_run(rel, run_first, run, redirect->owner, redirect->incarnation);
			run_first = blkno;
			run = 0;
		}
		run++;
		if (left > 1 && !BlockNumberIsValid(next))
			vc_corrupt(rel, blkno, "chain of continuation pages ends early");
		blkno = next;
	}
	if (run > 0)
		vc_recycle_free_run(rel, run_first, run, redirect->owner, redirect->incarnation);
}
