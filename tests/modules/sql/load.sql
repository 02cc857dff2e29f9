-- Both modules in one backend, in both orders of loading.
CREATE EXTENSION vchord CASCADE;
CREATE EXTENSION vc_test_core;
SELECT vchord_version() ~ '^\d+\.\d+\.\d+', vc_test_core_name();
\c
SELECT vc_test_core_name(), vchord_version() ~ '^\d+\.\d+\.\d+';
