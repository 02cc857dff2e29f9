/*
 * vchordrq/sampling_store.c
 *		The store of recorded queries: one SQLite file a database.
 *
 * Files: pgsql_tmp_vchord_sampling/database_<oid>.sqlite in the data directory, mode 0600 in a folder of mode
 * 0700.  Base backups, pg_rewind and pg_checksums leave out what is called pgsql_tmp...; the server, when it
 * starts, empties only folders that are called exactly so.  So samples outlive a restart, and are part of
 * no backup.  On a standby the file is the standby's own.
 *
 * SQLite runs in single-thread mode.  It is opened at the first use in a backend, hence after the fork; the
 * postmaster never calls it.  There is no busy handler: who finds the file locked drops the sample.  A rollback
 * journal without syncs: a backend that dies leaves a store that the next one repairs; after a crash of the
 * machine the store may be damaged, and is made anew.
 *
 * Errors: PostgreSQL's never pass through SQLite, which is given no callback, and SQLite's never become
 * PostgreSQL's here.  No statement is left open between calls: after an error elsewhere no lock of the store
 * remains.
 *
 * A connection may be to a file that another backend has removed meanwhile (it was damaged): the inode is
 * compared before each use.
 */
#include "postgres.h"

#include "vchordrq/sampling.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#define FOLDER      "pgsql_tmp_vchord_sampling"
#define FILE_FORMAT FOLDER "/database_%u.sqlite"

/* of the schema below; another version's file is made anew */
#define STORE_VERSION 1

/* size of a file: 256 MB are 10,000 queries of 1536 dimensions, and as many of four more indexes */
#define PAGE_BYTES 4096
#define PAGES_MAX  65536

/* a text longer than this is not recorded; 60,000 dimensions are below it */
#define TEXT_MAX (1 << 20)

/* SQLite's memory, which no memory context knows */
#define HEAP_BYTES  (8 * 1024 * 1024)
#define CACHE_PAGES 256

/* what keys name is looked up once in so many samples of a backend, the first of them included */
#define SWEEP_EVERY 256

static sqlite3 *store = NULL;
static dev_t store_device;
static ino_t store_inode;
static uint32 appended = 0; /* by this backend */

/* ---- the connection ---- */

static void
store_path(Oid database, char *ret_path)
{
	snprintf(ret_path, MAXPGPATH, FILE_FORMAT, database);
}

static void
remove_store(Oid database)
{
	char path[MAXPGPATH];
	char journal[MAXPGPATH + 16];

	/* the journal first: it must not be taken for that of a new file */
	store_path(database, path);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	unlink(journal);
	unlink(path);
}

static void
disconnect(void)
{
	if (store == NULL)
		return;
	sqlite3_close_v2(store);
	store = NULL;
	ReleaseExternalFD();
	ReleaseExternalFD();
}

/* what SQLite's result means for the caller */
static RqStoreResult
result_of(int rc, const char **ret_message)
{
	*ret_message = sqlite3_errstr(rc);
	switch (rc & 0xff)
	{
		case SQLITE_OK:
		case SQLITE_DONE:
		case SQLITE_ROW:
			return RQ_STORE_OK;
		case SQLITE_BUSY:
		case SQLITE_LOCKED:
			return RQ_STORE_BUSY;
		default:
			return RQ_STORE_FAILED;
	}
}

/* Is the file what it should not be, so that only a new one helps? */
static bool
is_damage(int rc)
{
	int primary = rc & 0xff;

	/* SQLITE_ERROR: a table that should be there is not; SQLITE_MISMATCH: another version (set_up) */
	return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_MISMATCH ||
		   primary == SQLITE_ERROR;
}

/* Is the file at the path the one that is open? */
static bool
is_current(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == store_device && st.st_ino == store_inode;
}

/* A damaged file goes, unless another backend has made it anew already. */
static void
discard(const char *path)
{
	bool current = is_current(path);

	disconnect();
	if (current)
		remove_store(MyDatabaseId);
}

static int
execute(const char *sql)
{
	return sqlite3_exec(store, sql, NULL, NULL, NULL);
}

/* the value of a pragma or query with one number */
static int
query_number(const char *sql, int64 *ret_value)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
	{
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			*ret_value = sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int
set_up(void)
{
	int64 version = 0;
	int rc;

	sqlite3_extended_result_codes(store, 1);
	sqlite3_busy_timeout(store, 0);
	sqlite3_db_config(store, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(store, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(store, SQLITE_LIMIT_LENGTH, 2 * TEXT_MAX);

	rc = execute("PRAGMA page_size = " CppAsString2(
		PAGE_BYTES) ";"
					"PRAGMA cache_size = " CppAsString2(
						CACHE_PAGES) ";"
									 "PRAGMA temp_store = MEMORY;"
									 "PRAGMA mmap_size = 0;"
									 "PRAGMA cell_size_check = ON;"
									 "PRAGMA synchronous = OFF;"
									 "PRAGMA journal_mode = TRUNCATE;"
									 "PRAGMA max_page_count = " CppAsString2(PAGES_MAX));
	if (rc == SQLITE_OK)
		rc = query_number("PRAGMA user_version", &version);
	if (rc != SQLITE_OK || version == STORE_VERSION)
		return rc;
	if (version != 0)
		return SQLITE_MISMATCH;

	/* who comes second finds the tables made */
	rc = execute("BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = execute(
			"CREATE TABLE IF NOT EXISTS sample (id INTEGER PRIMARY KEY, relid INTEGER NOT NULL,"
			" heap INTEGER NOT NULL, value TEXT NOT NULL);"
			"CREATE INDEX IF NOT EXISTS sample_key ON sample (relid, heap, id);"
			"PRAGMA user_version = " CppAsString2(STORE_VERSION) ";"
																 "COMMIT");
	if (rc != SQLITE_OK && !sqlite3_get_autocommit(store))
		execute("ROLLBACK");
	return rc;
}

/* Files are made here, so that their mode is ours; SQLite gives the journal the mode of the file. */
static bool
make_file(const char *path)
{
	int fd;

	if (mkdir(FOLDER, S_IRWXU) != 0 && errno != EEXIST)
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return errno == EEXIST;
	close(fd);
	return true;
}

/* Once a process.  Another extension may use the library as well: its settings stay. */
static void
start_library(void)
{
	static bool started = false;

	if (started)
		return;
	started = true;
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_initialize();
	if (sqlite3_soft_heap_limit64(-1) == 0)
		sqlite3_soft_heap_limit64(HEAP_BYTES);
}

/* Opens the store of this database, if it is not open; OK, END (not there, and not to be made) or a failure. */
static RqStoreResult
connect_store(bool create, const char **ret_message)
{
	char path[MAXPGPATH];
	struct stat st;
	int rc;

	*ret_message = "";
	store_path(MyDatabaseId, path);
	if (store != NULL && is_current(path))
		return RQ_STORE_OK;
	disconnect();

	if ((create && !make_file(path)) || stat(path, &st) != 0)
	{
		if (!create && (errno == ENOENT || errno == ENOTDIR))
			return RQ_STORE_END;
		*ret_message = strerror(errno);
		return RQ_STORE_FAILED;
	}

	/* the file and its journal */
	if (!AcquireExternalFD())
	{
		*ret_message = "too many open files";
		return RQ_STORE_FAILED;
	}
	ReserveExternalFD();
	start_library();
	rc = sqlite3_open_v2(path, &store, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (store == NULL)
	{
		ReleaseExternalFD();
		ReleaseExternalFD();
		*ret_message = "out of memory";
		return RQ_STORE_FAILED;
	}
	store_device = st.st_dev;
	store_inode = st.st_ino;
	if (rc == SQLITE_OK)
		rc = is_current(path) ? set_up() : SQLITE_BUSY; /* made anew this very moment */
	if (rc != SQLITE_OK)
	{
		RqStoreResult result = result_of(rc, ret_message);

		if (create && is_damage(rc))
			discard(path);
		disconnect();
		return result == RQ_STORE_OK ? RQ_STORE_FAILED : result;
	}
	return RQ_STORE_OK;
}

/* After a statement failed: what is damaged goes, when writing. */
static RqStoreResult
fail(int rc, bool writing, const char **ret_message)
{
	RqStoreResult result = result_of(rc, ret_message);

	if (!sqlite3_get_autocommit(store))
		execute("ROLLBACK");
	if (writing && is_damage(rc))
	{
		char path[MAXPGPATH];

		store_path(MyDatabaseId, path);
		discard(path);
	}
	return result;
}

/* Runs a statement with up to four parameters, numbers but for the last, which may be a text. */
static int
run(const char *sql, int n, const int64 *numbers, const char *text)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(stmt, i + 1, numbers[i]);
	if (text != NULL)
		rc = sqlite3_bind_text(stmt, n + 1, text, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- what does not exist any more ---- */

static void
sweep_files(bool (*database_exists)(Oid database))
{
	DIR *dir = AllocateDir(FOLDER);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, FOLDER, DEBUG1)) != NULL)
	{
		unsigned database;
		int end = 0;

		if (sscanf(entry->d_name, "database_%u.sqlite%n", &database, &end) == 1 && end > 0 &&
			database != MyDatabaseId && !database_exists(database))
			remove_store(database);
	}
	FreeDir(dir);
}

/* The first key behind *key. */
static int
next_key(RqSampleKey *key, bool *ret_found)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store,
								"SELECT relid, heap FROM sample WHERE (relid, heap) > (?1, ?2)"
								" ORDER BY relid, heap LIMIT 1",
								-1, &stmt, NULL);

	*ret_found = false;
	if (rc != SQLITE_OK)
		return rc;
	sqlite3_bind_int64(stmt, 1, key->index);
	sqlite3_bind_int64(stmt, 2, key->heap);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
	{
		key->index = (Oid) sqlite3_column_int64(stmt, 0);
		key->heap = (Oid) sqlite3_column_int64(stmt, 1);
		*ret_found = true;
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
sweep_keys(bool (*exists)(const RqSampleKey *key))
{
	RqSampleKey key = {0};

	for (;;)
	{
		RqSampleKey last = key;
		bool found;
		int rc = next_key(&key, &found);

		if (rc != SQLITE_OK || !found)
			return rc;
		/* a file that somebody wrote into might never end */
		if (key.index < last.index || (key.index == last.index && key.heap <= last.heap))
			return SQLITE_CORRUPT;
		if (!exists(&key))
		{
			const int64 numbers[] = {key.index, key.heap};

			rc = run("DELETE FROM sample WHERE relid = ?1 AND heap = ?2", 2, numbers, NULL);
			if (rc != SQLITE_OK)
				return rc;
		}
	}
}

/* ---- what callers do ---- */

static int
append(const RqSampleKey *key, const char *text, int max_records)
{
	const int64 numbers[] = {key->index, key->heap, max_records};
	int rc = execute("BEGIN IMMEDIATE");

	if (rc == SQLITE_OK)
		rc = run("INSERT INTO sample (relid, heap, value) VALUES (?1, ?2, ?3)", 2, numbers, text);
	if (rc == SQLITE_OK)
		rc =
			run("DELETE FROM sample WHERE relid = ?1 AND heap = ?2 AND id <= (SELECT id FROM sample"
				" WHERE relid = ?1 AND heap = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
				3, numbers, NULL);
	if (rc == SQLITE_OK)
		rc = execute("COMMIT");
	return rc;
}

RqStoreResult
rq_store_append(const RqSampleKey *key, const char *text, int max_records,
				bool (*exists)(const RqSampleKey *key), bool (*database_exists)(Oid database),
				const char **ret_message)
{
	RqStoreResult result;
	int rc = SQLITE_OK;

	if (strlen(text) > TEXT_MAX)
	{
		*ret_message = "the text is too long";
		return RQ_STORE_FAILED;
	}
	result = connect_store(true, ret_message);
	if (result != RQ_STORE_OK)
		return result;
	if (appended++ % SWEEP_EVERY == 0)
	{
		sweep_files(database_exists);
		rc = sweep_keys(exists);
	}
	if (rc == SQLITE_OK)
		rc = append(key, text, max_records);
	if (rc == SQLITE_OK)
		return RQ_STORE_OK;

	result = fail(rc, true, ret_message);
	/* at the cap (or on a full disk) the oldest quarter makes room for later samples */
	if ((rc & 0xff) == SQLITE_FULL && store != NULL)
		execute("DELETE FROM sample WHERE id <= (SELECT id FROM sample ORDER BY id"
				" LIMIT 1 OFFSET (SELECT count(*) / 4 FROM sample))");
	return result;
}

RqStoreResult
rq_store_next(const RqSampleKey *key, int64 *position, char **ret_text, const char **ret_message)
{
	RqStoreResult result = connect_store(false, ret_message);
	sqlite3_stmt *stmt;
	int rc;

	*ret_text = NULL;
	if (result != RQ_STORE_OK)
		return result;
	rc =
		sqlite3_prepare_v2(store,
						   "SELECT id, value FROM sample WHERE relid = ?1 AND heap = ?2 AND id < ?3"
						   " ORDER BY id DESC LIMIT 1",
						   -1, &stmt, NULL);
	if (rc != SQLITE_OK)
		return fail(rc, false, ret_message);
	sqlite3_bind_int64(stmt, 1, key->index);
	sqlite3_bind_int64(stmt, 2, key->heap);
	sqlite3_bind_int64(stmt, 3, *position);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
	{
		int64 id = sqlite3_column_int64(stmt, 0);
		const char *text = (const char *) sqlite3_column_text(stmt, 1);
		int len = sqlite3_column_bytes(stmt, 1);

		if (id >= *position || text == NULL || len > TEXT_MAX)
			rc = SQLITE_CORRUPT;
		else
		{
			/* an error here would leave the statement, and its lock, behind */
			*ret_text = palloc_extended((Size) len + 1, MCXT_ALLOC_NO_OOM);
			rc = *ret_text == NULL ? SQLITE_NOMEM : SQLITE_ROW;
		}
		if (rc == SQLITE_ROW)
		{
			memcpy(*ret_text, text, (size_t) len);
			(*ret_text)[len] = '\0';
			*position = id;
		}
	}
	sqlite3_finalize(stmt);
	if (rc == SQLITE_DONE)
		return RQ_STORE_END;
	if (rc != SQLITE_ROW)
		return fail(rc, false, ret_message);
	return RQ_STORE_OK;
}
