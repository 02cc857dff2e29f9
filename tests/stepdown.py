"""Where server tests run and as whom.

Servers refuse to run as root, so a run started by root steps down to an unprivileged user.  That user
must be able to reach the folder of the run: the build folder is used where it can, otherwise a folder
under /var/tmp named after the build folder.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys


def test_user():
    """Returns the passwd entry to step down to, or None if there is no need to."""
    if os.geteuid() != 0:
        return None
    wanted = os.environ.get("VC_TEST_USER")
    for name in [wanted] if wanted else ["postgres", "nobody"]:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    sys.exit("no unprivileged user to run the server as: set VC_TEST_USER")


def identity(user):
    """Returns the keyword arguments that make subprocess run a program as user."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def reachable(path, user):
    return (
        subprocess.run(["test", "-x", path], cwd="/", check=False, **identity(user)).returncode == 0
    )


def base_dir(build):
    """Returns the folder of the runs and of the temporary installation, made if it is not there."""
    user = test_user()
    build = os.path.realpath(build)
    if user is None or reachable(build, user):
        path = os.path.join(build, "testrun")
        os.makedirs(path, exist_ok=True)
        return path
    digest = hashlib.sha256(build.encode()).hexdigest()[:12]
    path = os.path.join("/var/tmp", "vchord-test-" + digest)
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        info = os.lstat(path)
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
            sys.exit(f"{path} is not ours: remove it")
    os.chmod(path, 0o755)
    return path


def empty_dir(path):
    """Makes path an empty folder that belongs to the test user."""
    user = test_user()
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    parent = os.path.dirname(path)
    if user is not None:
        os.chmod(parent, 0o755)
    give(path)


def give(path):
    """Hands a tree to the test user."""
    user = test_user()
    if user is None:
        return
    for folder, _, files in os.walk(path):
        os.chown(folder, user.pw_uid, user.pw_gid)
        for name in files:
            os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)
