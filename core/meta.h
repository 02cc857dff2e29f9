/*
 * core/meta.h
 *		The metapage: composing, reading, checking, keeping in rd_amcache.
 *
 * Every index has one at block 0.  Its raw body is a struct of the access method, which begins with a
 * VcMetaHeadDisk.  What is read is copied under a share lock and checked without one: magic number,
 * version, size and CRC here, everything else by the access method.  Another version is not damage: the
 * user is told to REINDEX.
 */
#ifndef VC_CORE_META_H
#define VC_CORE_META_H

#include "utils/rel.h"

#include "core/xlog.h"

#define VC_META_BLKNO 0

/* The first fields of every metapage's struct. */
typedef struct VcMetaHeadDisk
{
	uint32 magic;
	uint32 version;
	uint32 size; /* of the struct, of the writer */
} VcMetaHeadDisk;

StaticAssertDecl(sizeof(VcMetaHeadDisk) == 12, "layout of the head of a metapage");

/* What an access method's metapage is. */
typedef struct VcMetaFormat
{
	uint16 kind; /* of the page */
	uint32 magic;
	uint32 version;
	Size disk_size; /* of the struct on the page */

	/* place in the struct of a uint32, the CRC32C of the struct with 0 there; 0: it has none */
	Size crc_at;

	/*
	 * What is read is of this size: the struct first, then what check() derives from it.
	 */
	Size size;

	/* It never changes after the build: a relcache entry's first reader leaves what it checked there. */
	bool fixed;

	/*
	 * NULL, or what is wrong with the values, as a noun phrase ("number of lists"); may derive what follows the
	 * struct.  Only computes: called under a lock by vc_meta_edit.
	 */
	const char *(*check)(void *meta);

	/* The same for what is right in itself but may be another index's.  May look into catalogs. */
	const char *(*check_index)(Relation index, const void *meta);
} VcMetaFormat;

/*
 * Reads the metapage.  Errors: ERRCODE_INDEX_CORRUPTED, ERRCODE_FEATURE_NOT_SUPPORTED with a REINDEX hint
 * (other version).
 */
extern void vc_meta_read(Relation index, const VcMetaFormat *format, void *ret_meta);

/*
 * The same for callers that must not fail on a bad metapage (planning, inspection): false instead of an
 * error.  An I/O error is still raised.
 */
extern bool vc_meta_try_read(Relation index, const VcMetaFormat *format, void *ret_meta);

/* Forgets what vc_meta_read left in the relcache entry, for who wants to see the page itself. */
extern void vc_meta_forget(Relation index);

/*
 * Adds the metapage, checked but for the index it belongs to, to a record; edits go to the struct that is
 * returned.  For metapages without a CRC.  scratch: format->size bytes.
 */
extern void *vc_meta_edit(VcXlog *xlog, const VcMetaFormat *format, void *scratch);

/* Composes the page, a BLCKSZ buffer; head and CRC of *disk need not be set. */
extern void vc_meta_compose(const VcMetaFormat *format, const void *disk, char *ret_page);

#endif
