-- vchord: joined from sql/vchord by the build
\echo Use "CREATE EXTENSION vchord CASCADE" to load this file. \quit
